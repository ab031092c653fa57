from __future__ import annotations

import pytest

from control.lint.manifests.operators.ray_clusters import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

HEAD = "headGroupSpec: {rayStartParams: {%s}, template: {spec: {%s containers: [{name: a, env: [%s]}]}}}"
CLUSTER = "{apiVersion: ray.io/v1, kind: %s, metadata: {name: a, annotations: {%s}}, spec: {%s}}"
REDIS = "{name: RAY_REDIS_ADDRESS, value: r}"


def cluster(more: str = "", env: str = "", start: str = "", pod: str = "", notes: str = "") -> list[str]:
    """The fields that KubeRay refuses in a RayCluster with a head."""
    text = CLUSTER % ("RayCluster", notes, f"{HEAD % (start, pod, env)}{', ' + more if more else ''}")
    return [field.removeprefix("spec.") for _, field in found(check, bundle(text))]


def test_good_clusters() -> None:
    assert found(check, good_bundle()) == []
    assert cluster() == []


def test_fault_tolerance_by_annotation_and_by_options() -> None:
    assert cluster(env=REDIS, notes='ray.io/ft-enabled: "true"') == []
    assert cluster(env=REDIS) == ["headGroupSpec.template.spec.containers[0].env"]
    options = "gcsFaultToleranceOptions: {redisAddress: r}"
    assert cluster(options) == []
    assert cluster(options, notes='ray.io/ft-enabled: "true"') == ["gcsFaultToleranceOptions"]
    assert cluster(options, env=REDIS) == ["headGroupSpec.template.spec.containers[0].env"]
    assert cluster(options, start="redis-password: p") == ["headGroupSpec.rayStartParams.redis-password"]
    assert cluster(options, notes="ray.io/external-storage-namespace: store") == ["gcsFaultToleranceOptions"]
    assert cluster(start="redis-username: u") == ["headGroupSpec.template.spec.containers[0].env"]


def test_the_second_version_of_the_autoscaler() -> None:
    two = "enableInTreeAutoscaling: true, autoscalerOptions: {version: v2}"
    variable = "{name: RAY_enable_autoscaler_v2, value: '1'}"
    policy = "headGroupSpec.template.spec.restartPolicy"
    assert cluster(two, pod="restartPolicy: Never,") == []
    assert cluster(two, pod="restartPolicy: Always,") == [policy]
    assert cluster("enableInTreeAutoscaling: true", env=variable, pod="restartPolicy: Always,") == [policy]
    assert cluster(two, env=variable) == ["headGroupSpec.template.spec.containers[0].env"]
    assert cluster(env=variable) == ["headGroupSpec.template.spec.containers[0].env"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("authOptions: {mode: token}", "rayVersion"),
        ("authOptions: {mode: token}, rayVersion: 2.51.1", "rayVersion"),
        ("authOptions: {mode: token}, rayVersion: nightly", "rayVersion"),
        ("authOptions: {enableK8sTokenAuth: true}", "authOptions.enableK8sTokenAuth"),
        ("rayVersion: 2.54.0, authOptions: {mode: token, enableK8sTokenAuth: true}", "rayVersion"),
        (
            "rayVersion: 2.55.0, authOptions: {mode: token, enableK8sTokenAuth: true, secretName: a}",
            "authOptions.secretName",
        ),
        ("autoscalerOptions: {idleTimeoutSeconds: -1}", "autoscalerOptions.idleTimeoutSeconds"),
        ("workerGroupSpecs: [{groupName: g}]", "workerGroupSpecs[0].template.spec.containers"),
        (
            "workerGroupSpecs: [{groupName: g, labels: {a b: c}, template: {spec: {containers: [{}]}}}]",
            "workerGroupSpecs[0].labels.a b",
        ),
    ],
)
def test_what_kuberay_refuses(more: str, field: str) -> None:
    assert cluster(more) == [field]


def test_tokens_with_a_version_that_knows_them() -> None:
    assert cluster("authOptions: {mode: token}, rayVersion: 2.52.0") == []


def test_a_head_without_containers() -> None:
    text = CLUSTER % ("RayCluster", "", "headGroupSpec: {template: {spec: {}}}")
    assert found(check, bundle(text)) == [("SLW706", "spec.headGroupSpec.template.spec.containers")]
