from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from training.measures.classification import (
    accuracy,
    alerts_at,
    auroc,
    average_precision,
    balanced_accuracy,
    brier,
    calibration_error,
    calibration_error_by_chance,
    f1,
    gain_interval,
    macro_f1,
    precision,
    precision_at_budget,
    recall,
    reliability,
)

ACTUAL = np.array([0, 0, 1, 1, 0, 1])
SCORE = np.array([0.1, 0.4, 0.35, 0.8, 0.2, 0.9])


def test_measures_by_hand() -> None:
    assert auroc(ACTUAL, SCORE) == pytest.approx(8 / 9), "8 of 9 pairs are in order"
    assert average_precision(ACTUAL, SCORE) == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert brier(ACTUAL, SCORE) == pytest.approx(np.mean([0.01, 0.16, 0.4225, 0.04, 0.04, 0.01]))
    flagged = SCORE > 0.3
    assert (precision(ACTUAL, flagged), recall(ACTUAL, flagged)) == (0.75, 1.0)
    assert accuracy(ACTUAL, flagged) == pytest.approx(5 / 6)
    assert macro_f1(ACTUAL, flagged) == pytest.approx((0.8 + 6 / 7) / 2)
    assert precision_at_budget(ACTUAL, SCORE, 1 / 3) == 1.0
    assert precision_at_budget(ACTUAL, SCORE, 1e-6) == 1.0, "at least one row"


LABELS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.booleans()), min_size=2, max_size=40)


@given(LABELS.filter(lambda rows: len({actual for actual, _, _ in rows}) == 2))
def test_measures_are_scikit_learns(rows: list[tuple[int, int, bool]]) -> None:
    """With scores that are alike, too."""
    actual, score, flagged = (np.array(column) for column in zip(*rows, strict=True))
    score = score / 5
    assert auroc(actual, score) == pytest.approx(metrics.roc_auc_score(actual, score))
    assert average_precision(actual, score) == pytest.approx(metrics.average_precision_score(actual, score))
    assert auroc(actual, flagged) == pytest.approx(metrics.roc_auc_score(actual, flagged))
    theirs = (metrics.precision_score, metrics.recall_score, metrics.f1_score)
    for our, their in zip((precision, recall, f1), theirs, strict=True):
        assert our(actual, flagged) == pytest.approx(their(actual, flagged, zero_division=0))
    places = (5 * score).astype(int)
    known = metrics.recall_score(
        places, places * flagged, labels=np.unique(places), average="macro", zero_division=0
    )
    assert balanced_accuracy(places, places * flagged) == pytest.approx(known)
    words = np.array(["a", "b", "c", "d", "e", "f"])
    classes = words[(5 * score).astype(int)], words[(5 * score).astype(int) * flagged]
    assert macro_f1(*classes) == pytest.approx(metrics.f1_score(*classes, average="macro", zero_division=0))


def test_a_score_that_is_no_number_gives_none() -> None:
    score = np.where(SCORE > 0.8, np.nan, SCORE)
    assert np.isnan(auroc(ACTUAL, score)) and np.isnan(average_precision(ACTUAL, score))


def test_one_class_has_no_auroc() -> None:
    assert np.isnan(auroc(np.zeros(4), SCORE[:4]))
    assert np.isnan(auroc(ACTUAL[:0], SCORE[:0]))


def test_nothing_flagged_has_no_precision() -> None:
    assert precision(ACTUAL, np.zeros(6, bool)) == 0.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_budget_is_never_exceeded(scores: list[float], budget: float) -> None:
    values = np.array(scores)
    assert (values > alerts_at(values, budget)).sum() <= budget * len(values) + 1e-9


@pytest.mark.parametrize("budget", [0.0, 1.0, -0.1, 2.0])
def test_a_budget_outside_its_range_is_refused(budget: float) -> None:
    with pytest.raises(ValueError, match=f"`budget` must be between 0 and 1, not {budget}"):
        alerts_at(SCORE, budget)


def test_reliability_keeps_every_row_and_is_exact_for_an_honest_model() -> None:
    draw = np.random.default_rng(0)
    probability = draw.uniform(size=50_000)
    actual = (draw.uniform(size=50_000) < probability).astype(int)
    assert sum(rows for _, _, rows in reliability(actual, probability)) == 50_000
    assert calibration_error(actual, probability) < 0.01
    assert calibration_error(actual, probability**3) > 0.1


def test_a_gain_is_seen_and_none_is_not() -> None:
    draw = np.random.default_rng(1)
    actual = draw.integers(0, 2, 2000)
    good, chance = actual + draw.normal(size=2000), draw.normal(size=2000)
    groups = np.arange(2000) // 10
    low, high = gain_interval(auroc, actual, good, chance, groups, seed=1, resamples=100)
    assert 0.2 < low < high < 0.35
    low, high = gain_interval(auroc, actual, chance, chance, groups, seed=1, resamples=100)
    assert low == high == 0


def test_few_groups_give_no_interval() -> None:
    with pytest.raises(ValueError, match="3 groups"):
        gain_interval(auroc, ACTUAL, SCORE, SCORE, np.array([1, 1, 2, 2, 3, 3]), seed=1)


@pytest.mark.parametrize("rows", [100, 1000])
def test_the_calibration_error_that_chance_explains(rows: int) -> None:
    """As drawn: right probabilities exceed the quantile as often as it says."""
    draw = np.random.default_rng(rows)
    probability = draw.uniform(0.2, 0.95, rows)
    most = calibration_error_by_chance(probability, 0.9)
    errors = [calibration_error((draw.random(rows) < probability).astype(int), probability) for _ in range(400)]
    assert 0.84 < np.mean(np.array(errors) <= most) < 0.96
    assert most < calibration_error_by_chance(probability, 0.95)


def test_the_error_that_chance_explains_vanishes_with_many_rows() -> None:
    probability = np.random.default_rng(1).uniform(0.2, 0.8, 200_000)
    assert calibration_error_by_chance(probability, 0.975) < 0.005
    assert calibration_error_by_chance(probability[:5], 0.975) < 1
