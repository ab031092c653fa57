"""HPA, KEDA and none: one of them, with the bounds and delays of the apps' values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.chart import of_kind


def group(scaling: str, metric: str = "requests") -> dict[str, Any]:
    replicas = {"min": 2, "max": 5, "targetOngoingRequests": 12, "upscaleDelaySeconds": 7}
    group = {"runtime": "process", "scaling": scaling, "replicas": replicas}
    return {"groups": {"all": group}, "scaling": {"metric": metric}}


def test_an_hpa_scales_the_deployment_of_its_name() -> None:
    values = group("hpa")
    ((name, scaler),) = of_kind(values, "HorizontalPodAutoscaler").items()
    (deployment,) = of_kind(values, "Deployment").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] == name == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"], "an upgrade would undo what the HPA decided"
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 5)
    metric, cpu = scaler["spec"]["metrics"]
    assert cpu["type"] == "Resource", "what it follows while the adapter does not answer"
    assert metric["pods"]["metric"]["name"] == "slipway_requests_in_flight"
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "12"}
    behavior = scaler["spec"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 7
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert of_kind(values, "ScaledObject") == {}


@pytest.mark.parametrize("metric", ["auto", "cpu"])
def test_without_an_adapter_an_hpa_follows_the_cpu_alone(metric: str) -> None:
    """An HPA with a metric that nobody answers never removes a pod."""
    values = group("hpa", metric) | {"triton": {"enabled": True, "scaling": "hpa"}}
    found = of_kind(values, "HorizontalPodAutoscaler")
    assert len(found) == 2
    for scaler in found.values():
        (only,) = scaler["spec"]["metrics"]
        target = {"type": "Utilization", "averageUtilization": 75}
        assert only == {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def test_keda_says_the_same() -> None:
    (scaler,) = of_kind(group("hpa"), "HorizontalPodAutoscaler").values()
    values = group("keda")
    (scaled,) = of_kind(values, "ScaledObject").values()
    spec = scaled["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 5)
    assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == scaler["spec"]["behavior"]
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["threshold"] == "12"
    assert trigger["metadata"]["query"].endswith("or vector(0)"), "nothing, without traffic, would be an error"
    assert of_kind(values, "HorizontalPodAutoscaler") == {}


def test_without_scaling_the_number_is_fixed() -> None:
    values = group("none")
    (deployment,) = of_kind(values, "Deployment").values()
    assert deployment["spec"]["replicas"] == 2
    assert of_kind(values, "HorizontalPodAutoscaler") == of_kind(values, "ScaledObject") == {}


@pytest.mark.parametrize(("scaling", "kind"), [("hpa", "HorizontalPodAutoscaler"), ("keda", "ScaledObject")])
def test_a_rollout_is_scaled_in_place_of_its_deployment(scaling: str, kind: str) -> None:
    rollout = {"steps": [5, 40], "pauseSeconds": 9}
    values = {"groups": {"all": {"runtime": "process", "scaling": scaling, "rollout": rollout}}}
    ((name, found),) = of_kind(values, "Rollout").items()
    assert found["spec"]["workloadRef"]["name"] in of_kind(values, "Deployment")
    steps = found["spec"]["strategy"]["canary"]["steps"]
    assert steps == [{"setWeight": 5}, {"pause": {"duration": 9}}, {"setWeight": 40}, {"pause": {"duration": 9}}]
    (scaler,) = of_kind(values, kind).values()
    target = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": name}
    assert scaler["spec"]["scaleTargetRef"] == target


@pytest.mark.parametrize(("scaling", "kind"), [("hpa", "HorizontalPodAutoscaler"), ("keda", "ScaledObject")])
def test_triton_scales_by_its_queue(scaling: str, kind: str) -> None:
    triton = {"enabled": True, "scaling": scaling, "targetQueueMs": 15, "replicas": {"min": 2, "max": 3}}
    values = {"groupPerApp": False, "triton": triton, "scaling": {"metric": "requests"}}
    found = of_kind(values, kind)["slipway-triton"]["spec"]
    assert found["scaleTargetRef"]["name"] == "slipway-triton-predictor"
    if scaling == "hpa":
        assert found["metrics"][0]["external"]["target"] == {"type": "Value", "value": "15000"}
    else:
        assert found["triggers"][0]["metadata"]["threshold"] == "15000"
        assert found["triggers"][0]["metadata"]["query"].endswith("> 0) or vector(0)")
