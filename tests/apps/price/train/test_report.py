from __future__ import annotations

from dataclasses import replace

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


def joined(*parts: Judged) -> Judged:
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Judged(*(np.concatenate(one) for one in columns))


def failed(rows: Judged) -> set[str]:
    checks = gate(evaluation(rows, rows, seed=7), 0.8)
    return {check.name for check in checks if not check.passed}


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


BEATS = {"beats persistence, horizon 1", "beats persistence, horizon 7"}


def test_noise_is_refused_and_a_perfect_rule_passes() -> None:
    """Noise: the last price and a random step. A faint signal counts when there are enough days to show it."""
    calm = rows(0.1)
    noise = np.random.default_rng(5).normal(0, 0.02, len(calm.actual))
    for size in (0.0, 1.0):
        given = calm.baseline * np.exp(size * noise)
        assert failed(replace(calm, predicted=given, low=given * 0.774, high=given * 1.292)) >= BEATS
    assert BEATS <= failed(rows(0.198, count=150, half=0.25))
    assert failed(rows(0.18, count=4000, half=0.2307)) == set()
    assert failed(rows(0.0001, half=0.00012816)) == set()


@pytest.mark.parametrize(("error", "passed"), [(0.1, True), (0.19, True), (0.3, False)])
def test_at_other_horizons_persistence_must_not_be_better(error: float, passed: bool) -> None:
    far = rows(error, half=1.2816 * error, seed=3)
    far = replace(far, horizon=np.where(far.horizon == 1, 30, 14))
    found = failed(joined(rows(0.1, half=0.1282), far))
    assert found == (set() if passed else {f"no worse than persistence, horizon {days}" for days in (14, 30)})


@pytest.mark.parametrize("count", [150, 300])
def test_an_interval_that_is_right_is_not_refused_for_chance(count: int) -> None:
    """One market and few days: the coverage of a right interval is often more than 3 points off."""
    honest = [failed(rows(0.1, count=count, half=0.12816, seed=seed)) for seed in range(16)]
    assert sum(any(name.startswith("coverage") for name in names) for names in honest) <= 2
    wrong = [failed(rows(0.1, count=count, half=0.06, seed=seed)) for seed in range(4)]
    assert all("coverage, horizon 1" in names for names in wrong)
