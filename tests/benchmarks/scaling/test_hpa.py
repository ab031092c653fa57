"""The controller's own arithmetic, on cases of the Kubernetes documentation."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.scaling.hpa import PERIOD, Hpa
from benchmarks.scaling.replay import Load


def spec(up: int = 0, down: int = 0, **more: Any) -> dict[str, Any]:
    fast = [{"type": "Percent", "value": 1000, "periodSeconds": 15}]
    return {
        "minReplicas": 1,
        "maxReplicas": 100,
        "metrics": [{"type": "Pods", "pods": {"target": {"averageValue": "10"}}}],
        "behavior": {
            "scaleUp": {"stabilizationWindowSeconds": up, "policies": more.get("faster", fast)},
            "scaleDown": {
                "stabilizationWindowSeconds": down,
                "policies": more.get("slower", [{"type": "Percent", "value": 100, "periodSeconds": 15}]),
            },
        },
    }


def load(pods: int, each: float) -> Load:
    return Load(pods, pods, pods * each, 0.0)


@pytest.mark.parametrize(
    ("pods", "each", "expected"), [(2, 20, 4), (4, 5, 2), (10, 10.9, 10), (10, 9.1, 10), (10, 11.1, 12), (3, 0, 1)]
)
def test_the_ratio_decides_beyond_the_tolerance(pods: int, each: float, expected: int) -> None:
    assert Hpa(spec()).decide(0, load(pods, each)) == expected


def test_it_looks_every_quarter_of_a_minute() -> None:
    scaler = Hpa(spec())
    assert [scaler.decide(second, load(1, 50)) for second in (1, PERIOD - 1, PERIOD)] == [1, 1, 5]


def test_the_highest_of_the_window_holds_back_going_down() -> None:
    scaler = Hpa(spec(down=60))
    assert scaler.decide(0, load(8, 10)) == 8
    assert [scaler.decide(second, load(8, 1)) for second in (15, 30, 45, 60)] == [8, 8, 8, 1]


def test_policies_bound_what_changes_in_a_period() -> None:
    slower = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    faster = [
        {"type": "Pods", "value": 2, "periodSeconds": 30},
        {"type": "Percent", "value": 100, "periodSeconds": 30},
    ]
    scaler = Hpa(spec(slower=slower, faster=faster))
    assert scaler.decide(0, load(4, 0)) == 3
    assert [scaler.decide(second, load(3, 0)) for second in (15, 30, 45)] == [3, 3, 3]
    assert scaler.decide(60, load(3, 0)) == 2
    assert scaler.decide(120, load(1, 90)) == 3
    assert scaler.decide(135, load(3, 90)) == 3
    assert scaler.decide(150, load(3, 90)) == 6


def test_pods_that_start_are_no_reason_for_more() -> None:
    assert Hpa(spec()).decide(0, Load(4, 2, 40.0, 0.0)) == 4
    assert Hpa(spec()).decide(0, Load(4, 1, 5.0, 0.0)) == 4
