from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from apps.quality.train.baseline import Baseline
from apps.quality.train.report import BINS, Judged, calibration, evaluation, gate, grading, macro_f1
from serving.kernel.storage.version_manifest import Check, Metric

NAMES = ("C", "B", "A")
BASELINE = Baseline(slot=0, means=np.array([0.0, 1.0, 2.0]), fallback=1.0, shares=np.array([0.3, 0.4, 0.3]))


def judged(
    right: float, baseline: float, sharp: float = 0.0, count: int = 900, groups: int = 100, seed: int = 1
) -> Judged:
    """The model gets a share `right` of the lots, the baseline a share `baseline`; `sharp` overstates."""
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, 3, count)
    other = (actual + rng.integers(1, 3, count)) % 3
    answered = np.where(rng.random(count) < right, actual, other)
    stated = min(right + sharp, 0.999)
    probabilities = np.full((count, 3), (1 - stated) / 2)
    probabilities[np.arange(count), answered] = stated
    values = np.where(rng.random(count) < baseline, actual, other)[:, None].astype(float)
    return Judged(actual, rng.integers(0, groups, count), values, probabilities, probabilities, probabilities)


def checks(rows: Judged, *more: Metric) -> dict[str, Check]:
    made = evaluation(rows, [*grading(rows, BASELINE, NAMES, seed=7), *more], BASELINE, NAMES)
    return {check.name: check for check in gate(made, 0.02)}


def test_a_model_that_is_better_and_honest_passes() -> None:
    found = checks(judged(0.9, 0.6))
    assert list(found) == [
        "beats the nearest mean of one measurement",
        "beats the most frequent grade",
        "calibration",
    ]
    assert all(check.passed for check in found.values()), found


def test_a_data_set_on_which_the_baseline_wins_is_refused() -> None:
    check = checks(judged(0.6, 0.9))["beats the nearest mean of one measurement"]
    assert not check.passed
    assert "at least as good" in check.reason
    assert "beside" in check.measured


def test_a_gain_that_may_be_chance_is_refused() -> None:
    check = checks(judged(0.705, 0.70, count=300))["beats the nearest mean of one measurement"]
    assert not check.passed


def test_too_few_groups_for_an_interval_are_refused() -> None:
    check = checks(judged(0.9, 0.6, groups=5))["beats the most frequent grade"]
    assert not check.passed
    assert "too short" in check.reason


def test_probabilities_that_overstate_are_refused() -> None:
    check = checks(judged(0.8, 0.5, sharp=0.15))["calibration"]
    assert not check.passed
    assert "0.05, or what chance gives" in check.required and "chance does not explain" in check.reason


def share_passed(count: int, off: float, draws: int = 300) -> float:
    """Of models whose stated confidence is too high by `off`, the share that the check lets pass."""
    rng = np.random.default_rng(count)
    passed = 0
    for _ in range(draws):
        stated = rng.uniform(0.4, 1, count)
        right = (rng.random(count) < stated - off).astype(np.float64)
        error, most = calibration(right, stated)
        passed += error.value <= most.value
    return passed / draws


@pytest.mark.parametrize("count", [212, 400, 1000])
def test_an_honest_model_of_few_lots_passes_and_one_that_overstates_does_not(count: int) -> None:
    assert share_passed(count, 0.0) >= 0.97
    assert share_passed(count, 0.15) <= 0.05


def test_what_chance_adds_vanishes_with_many_lots() -> None:
    stated = np.random.default_rng(1).uniform(0.4, 1, 100_000)
    _, most = calibration(np.ones(100_000), stated)
    assert most.value == 0.05


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_refused_and_a_perfect_rule_passes(seed: int) -> None:
    """A model that knows nothing and says so is calibrated; it is refused because its grades are a lottery."""
    failed = {name for name, check in checks(judged(0.34, 0.34, seed=seed)).items() if not check.passed}
    assert {"beats the nearest mean of one measurement"} <= failed
    faint = {name for name, check in checks(judged(0.36, 0.34, count=300, seed=seed)).items() if not check.passed}
    assert {"beats the nearest mean of one measurement"} <= faint
    assert all(check.passed for check in checks(judged(1.0, 0.6, seed=seed)).values())


@pytest.mark.parametrize(("share", "passed"), [(0.0, True), (0.05, True), (0.07, False)])
def test_too_many_false_alarms_are_refused(share: float, passed: bool) -> None:
    metric = Metric(name="false_alarms", value=share, slice="no history")
    assert checks(judged(0.9, 0.6), metric)["false alarms, no history"].passed is passed


@pytest.mark.parametrize(("low", "passed"), [(0.1, True), (-0.01, False), (None, False)])
def test_a_flag_that_sees_nothing_is_refused(low: float | None, passed: bool) -> None:
    metric = Metric(name="gross_auroc", value=0.6, baseline=0.5, slice="no history", gain_low=low)
    assert checks(judged(0.9, 0.6), metric)["sees gross errors, no history"].passed is passed


def test_metrics_stand_beside_the_baselines_with_a_line_for_each_grade() -> None:
    found = {(metric.name, metric.slice): metric for metric in grading(judged(0.9, 0.6), BASELINE, NAMES, seed=7)}
    overall = found["macro_f1", "all"]
    assert overall.baseline is not None and overall.gain_low is not None and overall.gain_high is not None
    assert overall.gain_low < overall.value - overall.baseline < overall.gain_high
    for name in NAMES:
        assert found["f1", f"grade {name}"].value > (found["f1", f"grade {name}"].baseline or 1)
    assert sum(found["f1", f"grade {name}"].rows for name in NAMES) == 900
    mean = np.mean([found["f1", f"grade {name}"].value for name in NAMES])
    assert overall.value == pytest.approx(mean)
    assert found["log_loss", "all"].value < (found["log_loss", "all"].baseline or 0)
    bins = [found["share_right", f"confidence bin {number} of {BINS}"].rows for number in range(1, BINS + 1)]
    assert sum(bins) == 900


def test_rows_for_the_plots_hold_names() -> None:
    rows = judged(0.9, 0.6)
    made = evaluation(rows, [], BASELINE, NAMES)
    assert made.kind == "classes"
    assert set(made.rows["actual"]) == set(made.rows["predicted"]) == set(NAMES)
    assert made.rows["confidence"].between(0, 1).all()


@pytest.mark.parametrize("answered", [[0, 1, 2, 2, 1], [0, 0, 0, 0, 0], [3, 1, 2, 3, 1]])
def test_macro_f1_is_scikit_learns(answered: Any) -> None:
    actual = np.array([0, 1, 2, 1, 1])
    wanted = f1_score(actual, answered, average="macro", zero_division=0)
    assert macro_f1(actual, np.array(answered)) == pytest.approx(wanted)
