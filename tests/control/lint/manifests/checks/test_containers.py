from __future__ import annotations

from benchmarks.manifests.edit import both, drop, put
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


def test_jobs_init_containers_and_sidecars_need_no_probes() -> None:
    changed = good_bundle("Deployment/gateway", put(f"{POD} initContainers 0 restartPolicy", "Always"))
    assert found(check, changed) == []


def test_a_limit_alone_is_also_a_request() -> None:
    changed = good_bundle("Deployment/gateway", drop(f"{POD} containers 0 resources requests"))
    assert found(check, changed) == []


def test_a_negative_quantity_in_a_custom_resource() -> None:
    changed = good_bundle("Rollout/web", put(f"{POD} containers 0 resources limits memory", "-1Gi"))
    assert ("SLW203", "spec.template.spec.containers[0].resources.limits.memory") in found(check, changed)


def test_what_has_wrong_types() -> None:
    pod = "{containers: [{resources: [], env: {}, ports: 3}, 4]}"
    text = (
        f"{{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {{}}, spec: {{template: {{spec: {pod}}}}}}}"
    )
    assert {id for id, _ in found(check, bundle(text))} == {"SLW209", "SLW213", "SLW214"}


def test_parts_of_a_byte_are_warnings() -> None:
    change = both(
        put("spec template spec containers 0 resources requests", {"memory": "512m", "cpu": "500m"}),
        put("spec template spec containers 0 resources limits", {"memory": "1.5Gi", "cpu": "1.5"}),
    )
    findings = list(check(good_bundle("Deployment/gateway", change)))
    assert [(f.id, f.severity, f.field) for f in findings] == [
        ("SLW203", "warning", "spec.template.spec.containers[0].resources.requests[memory]")
    ]


def test_enormous_quantities_are_no_crash() -> None:
    change = put("spec template spec containers 0 resources limits memory", "1e9999")
    assert found(check, good_bundle("Deployment/gateway", change)) == []
