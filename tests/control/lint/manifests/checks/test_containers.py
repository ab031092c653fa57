from __future__ import annotations

from benchmarks.manifests.edit import drop, put
from control.lint.manifests.checks.containers import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

POD = "spec template spec"


def test_good_containers() -> None:
    assert found(check, good_bundle()) == []


def test_the_ray_container_gets_its_probes_from_the_operator_and_others_do_not() -> None:
    sidecar = {"name": "s", "image": "example.org/s:1", "resources": {"limits": {"memory": "1Gi", "cpu": 1}}}
    place = "spec rayClusterConfig headGroupSpec template spec containers"
    changed = good_bundle("RayService/price", put(place, [sidecar, {**sidecar, "name": "t"}]))
    at = "spec.rayClusterConfig.headGroupSpec.template.spec.containers[1]"
    assert found(check, changed) == [("SLW214", at)]


def test_jobs_and_init_containers_need_no_probes_but_sidecars_do() -> None:
    changed = good_bundle("Deployment/gateway", put(f"{POD} initContainers 0 restartPolicy", "Always"))
    assert found(check, changed) == [("SLW214", "spec.template.spec.initContainers[0]")]


def test_a_limit_alone_is_also_a_request() -> None:
    changed = good_bundle("Deployment/gateway", drop(f"{POD} containers 0 resources requests"))
    assert found(check, changed) == []


def test_a_negative_quantity() -> None:
    changed = good_bundle("Deployment/gateway", put(f"{POD} containers 0 resources limits memory", "-1Gi"))
    assert ("SLW203", "spec.template.spec.containers[0].resources.limits.memory") in found(check, changed)


def test_claims_of_a_stateful_set_are_volumes() -> None:
    changed = good_bundle("StatefulSet/front", put("spec volumeClaimTemplates 0 metadata name", "other"))
    assert found(check, changed) == [("SLW208", "spec.template.spec.containers[0].volumeMounts[0].name")]


def test_what_has_wrong_types() -> None:
    text = "{apiVersion: v1, kind: Pod, metadata: {}, spec: {containers: [{resources: [], env: {}, ports: 3}, 4]}}"
    assert {id for id, _ in found(check, bundle(text))} == {"SLW209", "SLW213", "SLW214"}
