from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apps.price.train.report import Judged, evaluation, gate, judged


def rows(error: float, count: int = 600, half: float = 0.2, seed: int = 1) -> Judged:
    """Test rows on which persistence misses by 20 % and the model by `error`."""
    rng = np.random.default_rng(seed)
    horizon = np.repeat([1, 7], count)
    actual = rng.uniform(800, 1200, 2 * count)
    last = actual * np.exp(rng.normal(0, 0.2, 2 * count))
    predicted = actual * np.exp(rng.normal(0, error, 2 * count))
    day = 737_000 + np.tile(np.arange(count), 2)
    busy = np.arange(2 * count) % 2 == 0
    return Judged(horizon, day, busy, actual, last, predicted, predicted * np.exp(-half), predicted * np.exp(half))


def test_a_model_that_is_better_passes() -> None:
    report = evaluation(rows(0.1, half=0.1282), rows(0.15), seed=7)
    checks = gate(report, 0.8)
    assert [check.name for check in checks] == [
        "beats persistence, horizon 1",
        "coverage, horizon 1",
        "beats persistence, horizon 7",
        "coverage, horizon 7",
    ]
    assert all(check.passed for check in checks), checks


def test_a_model_that_is_persistence_is_refused_with_that_reason() -> None:
    checks = gate(evaluation(rows(0.25), rows(0.25), seed=7), 0.8)
    assert not checks[0].passed
    assert "persistence is at least as good" in checks[0].reason
    assert "beside" in checks[0].measured


def test_a_gain_that_may_be_chance_is_refused() -> None:
    report = evaluation(rows(0.1945, count=300), rows(0.19), seed=7)
    check = gate(report, 0.8)[0]
    metric = next(metric for metric in report.metrics if metric.name == "mae")
    assert metric.gain_low is not None and metric.gain_low < 0 < (metric.gain_high or 0)
    assert not check.passed


@pytest.mark.parametrize("half", [0.05, 0.3])
def test_an_interval_that_holds_too_few_or_too_many_is_refused(half: float) -> None:
    check = gate(evaluation(rows(0.1, half=half), rows(0.1), seed=7), 0.8)[1]
    assert not check.passed
    assert "should hold 0.80" in check.reason


def test_too_few_days_for_an_interval_are_refused() -> None:
    check = gate(evaluation(rows(0.05, count=20), rows(0.1), seed=7), 0.8)[0]
    assert not check.passed
    assert "too short" in check.reason


def test_metrics_stand_beside_persistence_with_slices() -> None:
    report = evaluation(rows(0.1), rows(0.15), seed=7)
    found = {(metric.name, metric.slice): metric for metric in report.metrics}
    one = found["mae", "horizon 1"]
    assert one.baseline is not None and one.value < one.baseline
    assert one.gain_low is not None and one.gain_high is not None
    assert one.gain_low < one.baseline - one.value < one.gain_high
    assert ("mae", "horizon 7, busy markets") in found
    assert found["mae", "horizon 1, no reference"].value > one.value
    assert set(report.rows.columns) >= {"actual", "predicted", "baseline", "low", "high", "slice"}


def test_outputs_become_money() -> None:
    table = pd.DataFrame({"horizon": [1], "day": [737_000], "busy": [True], "actual": [110.0], "last": [100.0]})
    outputs = {
        name: np.array([[value]], dtype=np.float32)
        for name, value in (("log_ratio", 0.0), ("log_low", -0.1), ("log_high", 0.1))
    }
    found = judged(table, outputs)
    assert found.predicted[0] == 100
    assert found.low[0] == pytest.approx(90.48, abs=0.01)
