from __future__ import annotations

import pytest

from control.lint.manifests.objects.pods import containers, matches, pods, selecting
from tests.control.lint.manifests.made import bundle, good_bundle


def test_every_kind_with_pods_is_known() -> None:
    found = {
        (template.owner.label, template.path, template.runs, template.role) for template in pods(good_bundle())
    }
    assert ("Deployment/gateway", "spec.template.spec", "service", "") in found
    assert ("CronJob/sync", "spec.jobTemplate.spec.template.spec", "job", "") in found
    assert (
        "RayService/price",
        "spec.rayClusterConfig.workerGroupSpecs[0].template.spec",
        "service",
        "worker",
    ) in found
    assert ("RayJob/train-price", "spec.rayClusterSpec.headGroupSpec.template.spec", "job", "head") in found
    assert ("InferenceService/triton", "spec.predictor", "service", "") in found
    assert ("ServingRuntime/slipway-triton", "spec", "service", "runtime") in found


def test_init_containers_run_before_and_sidecars_stay() -> None:
    (template,) = pods(
        bundle(
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {"
            "initContainers: [{name: i}, {name: s, restartPolicy: Always}], containers: [{name: c}]}}"
        )
    )
    assert [(path, first) for path, _, first in containers(template)] == [
        ("spec.initContainers[0]", True),
        ("spec.initContainers[1]", False),
        ("spec.containers[0]", False),
    ]


@pytest.mark.parametrize(
    ("selector", "picked"),
    [
        ({}, True),
        ({"matchLabels": {"ray.io/node-type": "worker"}}, True),
        ({"ray.io/node-type": "head"}, False),
        ({"ray.io/cluster": "whatever-the-operator-says"}, True),
        ({"matchExpressions": [{"key": "ray.io/group", "operator": "In", "values": ["gpu"]}]}, True),
        ({"matchExpressions": [{"key": "ray.io/group", "operator": "NotIn", "values": ["gpu"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Likes"}]}, False),
    ],
)
def test_selectors(selector: dict[str, object], picked: bool) -> None:
    (template,) = [t for t in pods(good_bundle()) if t.owner.label == "RayService/price" and t.role == "worker"]
    assert matches(selector, template) is picked


def test_another_namespace_is_not_picked() -> None:
    template = pods(
        bundle("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}, spec: {containers: []}}")
    )
    assert selecting({}, template, "x") == template and selecting({}, template) == template
    assert selecting({}, template, "y") == []
