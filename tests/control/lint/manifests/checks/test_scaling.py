from __future__ import annotations

from benchmarks.manifests.edit import both, drop, put
from control.lint.manifests.checks.scaling import check
from tests.control.lint.manifests.made import found, good_bundle

HPA = "HorizontalPodAutoscaler/gateway"


def test_good_scaling() -> None:
    assert found(check, good_bundle()) == []


def test_kserves_deployments_can_be_scaled() -> None:
    change = both(put("spec scaleTargetRef name", "triton-predictor"), drop("spec metrics"))
    assert found(check, good_bundle(HPA, change)) == []


def test_a_target_may_be_declared() -> None:
    change = both(
        put("spec scaleTargetRef name", "far"),
        put("metadata annotations", {"slipway.dev/external": "deployment/far"}),
    )
    assert found(check, good_bundle(HPA, change)) == []


def test_keda_has_bounds_of_its_own_where_none_are_given() -> None:
    change = both(drop("spec maxReplicaCount"), put("spec minReplicaCount", 101))
    assert found(check, good_bundle("ScaledObject/front", change)) == [("SLW401", "spec.minReplicaCount")]
    assert found(check, good_bundle("ScaledObject/front", put("spec minReplicaCount", 0))) == []


def test_a_budget_as_large_as_the_fixed_number_of_pods() -> None:
    budget = "PodDisruptionBudget/gateway"
    front = put("spec selector matchLabels app.kubernetes.io/name", "front")
    least = both(front, drop("spec maxUnavailable"), put("spec minAvailable", 2))
    assert found(check, good_bundle(budget, least)) == [("SLW408", "spec.minAvailable")]
    one_may_go = both(front, drop("spec maxUnavailable"), put("spec minAvailable", 1))
    assert found(check, good_bundle(budget, one_may_go)) == []


def test_a_budget_of_pods_whose_owner_has_no_scale() -> None:
    budget = "PodDisruptionBudget/gateway"
    workers = put("spec selector matchLabels", {"ray.io/node-type": "worker"})
    assert found(check, good_bundle(budget, workers)) == [("SLW410", "spec.maxUnavailable")]
    counted = both(workers, drop("spec maxUnavailable"), put("spec minAvailable", 1))
    assert found(check, good_bundle(budget, counted)) == []
