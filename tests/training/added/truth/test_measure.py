from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from serving.kernel.storage.version_manifest import Check, Metric
from training.added.errors import AddError
from training.added.truth.measure import LAST, Judged, of_classes, of_probabilities, of_values

COUNT = 400
RANDOM = np.random.default_rng(5)
BLOCKS = np.array([str(place // 10) for place in range(COUNT)], object)
NOISE, OTHER = RANDOM.normal(size=(2, COUNT))
VALUES = 5 + RANDOM.normal(size=COUNT)
FLAGS = (RANDOM.random(COUNT) < 0.1).astype(int)
CODES = RANDOM.integers(0, 3, COUNT)


def by_name(found: Judged, part: str = "all") -> dict[str, Metric]:
    return {metric.name: metric for metric in found.evaluation.metrics if metric.slice == part}


def check(found: Judged, name: str) -> Check:
    return next(one for one in found.checks if one.name == name)


def test_values_beside_mean_and_median() -> None:
    predicted = VALUES + 0.3 * NOISE
    found = of_values(VALUES, predicted, np.array([1.0, 2.0, 9.0]), None, BLOCKS)
    named = by_name(found)
    assert named["mae"].value == pytest.approx(metrics.mean_absolute_error(VALUES, predicted))
    assert named["mae"].baseline == pytest.approx(np.abs(VALUES - 2).mean())
    assert named["rmse"].baseline == pytest.approx(np.sqrt(np.square(VALUES - 4).mean()))
    assert named["r2"].value == pytest.approx(metrics.r2_score(VALUES, predicted))
    assert named["correlation"].value == pytest.approx(np.corrcoef(VALUES, predicted)[0, 1])
    assert [one.passed for one in found.checks] == [True, True]
    assert set(found.evaluation.rows["baseline"]) == {2.0}


def test_noise_does_not_beat_a_constant() -> None:
    found = of_values(VALUES, 5 + NOISE, VALUES, None, BLOCKS)
    refused = check(found, "beats the mean or the median")
    assert not refused.passed
    assert refused.reason == "the mean is at least as good; the median is at least as good"
    assert "rmse" in refused.measured and "mae" in refused.measured


def test_a_better_constant_is_still_a_constant() -> None:
    for answers in (np.full(COUNT, 5.0), 5 + 1e-3 * NOISE):
        found = of_values(VALUES, answers, np.array([3.0, 4.0]), None, BLOCKS)
        assert check(found, "beats the mean or the median").passed, "this constant is nearer"
        assert not check(found, "beats one answer to every row").passed


def test_a_mean_of_skewed_values_is_better_than_the_mean_though_not_than_the_median() -> None:
    """Amounts that are mostly zero: no answer has a smaller absolute error than zero."""
    odds = RANDOM.choice([0.05, 0.4], COUNT)
    amounts = np.where(RANDOM.random(COUNT) < odds, 10.0, 0.0)
    found = of_values(amounts, 10 * odds, amounts, None, BLOCKS)
    named = by_name(found)
    assert named["mae"].value > (named["mae"].baseline or 0)
    assert check(found, "beats the mean or the median").passed


def test_the_last_value_counts_where_it_is_known() -> None:
    walk = np.cumsum(NOISE) + 100
    last = np.concatenate([[np.nan], walk[:-1]])
    found = of_values(walk, np.nan_to_num(last, nan=100) + 0.5 * OTHER, walk[:20], last, BLOCKS)
    assert check(found, "beats the mean or the median").passed, "what the day before says is much"
    refused = check(found, "beats the last value")
    assert (
        not refused.passed
        and "the last value is at least as good; if that value is not known yet" in refused.reason
    )
    metric = by_name(found, LAST)["mae"]
    assert (metric.rows, metric.baseline) == (COUNT - 1, pytest.approx(np.abs(np.diff(walk)).mean()))
    better = of_values(walk, walk + 0.1 * OTHER, walk[:20], last, BLOCKS)
    assert check(better, "beats the last value").passed


def test_a_last_value_of_few_blocks_is_left_out() -> None:
    last = np.where(np.arange(COUNT) < 50, VALUES, np.nan)
    assert len(of_values(VALUES, VALUES, VALUES, last, BLOCKS).checks) == 2


def test_rare_classes_are_judged_by_their_order() -> None:
    stated = np.clip(0.1 + 0.15 * FLAGS + 0.05 * NOISE, 0, 0.49)
    predicted = (stated > 0.5).astype(int)
    found = of_probabilities(FLAGS, stated, predicted, FLAGS, BLOCKS, ("no", "yes"))
    named = by_name(found)
    assert named["auroc"].value == pytest.approx(metrics.roc_auc_score(FLAGS, stated))
    assert named["accuracy"].value == named["accuracy"].baseline, "the rare class is never the likelier one"
    assert (check(found, "beats chance").passed, found.notes) == (True, ())
    assert found.evaluation.kind == "probabilities"


def test_noise_and_a_reversed_order_do_not_beat_chance() -> None:
    stated = 1 / (1 + np.exp(-NOISE))
    predicted = (stated > 0.5).astype(int)
    refused = check(of_probabilities(FLAGS, stated, predicted, FLAGS, BLOCKS, ("no", "yes")), "beats chance")
    assert not refused.passed
    reversed_order = np.clip(0.5 - 0.3 * FLAGS + 0.05 * NOISE, 0, 1)
    found = of_probabilities(FLAGS, reversed_order, predicted, FLAGS, BLOCKS, ("no", "yes"))
    assert "its order is reversed; check the order of the classes" in check(found, "beats chance").reason


@pytest.mark.parametrize(("count", "passed"), [(COUNT, False), (20 * COUNT, True)])
def test_a_faint_signal_passes_where_it_cannot_be_chance(count: int, passed: bool) -> None:
    """One row in twenty has the class that it should have, the others one by lot."""
    random = np.random.default_rng(7)
    stated = random.random(count)
    lot = (random.random(count) < 0.5).astype(int)
    actual = np.where(random.random(count) < 0.05, (stated > 0.5).astype(int), lot)
    blocks = np.array([str(place % 50) for place in range(count)], object)
    found = of_probabilities(actual, stated, (stated > 0.5).astype(int), actual, blocks, ("no", "yes"))
    assert check(found, "beats chance").passed is passed


def test_probabilities_that_are_too_large_are_noted() -> None:
    stated = np.clip(0.6 + 0.2 * FLAGS + 0.05 * NOISE, 0, 1)
    found = of_probabilities(FLAGS, stated, np.ones(COUNT, int), FLAGS, BLOCKS, ("no", "yes"))
    assert check(found, "beats chance").passed
    assert found.notes == (
        "Its probabilities of yes are further from the outcomes than the share of yes is: "
        "use their order, not their size.",
    )


def test_each_class_counts_the_same() -> None:
    right = np.where(RANDOM.random(COUNT) < 0.7, CODES, RANDOM.integers(0, 3, COUNT))
    found = of_classes(CODES, right, np.array([2, 2, 0]), BLOCKS, ("a", "b", "c"))
    named = by_name(found)
    assert named["balanced_accuracy"].value == pytest.approx(metrics.balanced_accuracy_score(CODES, right))
    assert named["balanced_accuracy"].baseline == pytest.approx(1 / 3)
    assert check(found, "beats the most frequent class").passed
    assert set(found.evaluation.rows["baseline"]) == {"c"} and found.evaluation.kind == "classes"


@pytest.mark.parametrize("predicted", [np.zeros(COUNT, int), RANDOM.integers(0, 3, COUNT), np.full(COUNT, -1)])
def test_one_class_for_all_chance_and_other_answers_are_refused(predicted: np.ndarray) -> None:  # type: ignore[type-arg]
    found = of_classes(CODES, predicted, CODES, BLOCKS, ("a", "b", "c"))
    assert not check(found, "beats the most frequent class").passed
    if (predicted == -1).all():
        assert set(found.evaluation.rows["predicted"]) == {"(another answer)"}


def test_labels_that_say_nothing_are_refused() -> None:
    with pytest.raises(AddError, match="every held-out row has the value 3; a model cannot be judged on it"):
        of_values(np.full(COUNT, 3.0), VALUES, VALUES, None, BLOCKS)
    few = np.where(np.arange(COUNT) < 4, 1, 0)
    said = "the held-out rows are 396 of no, 4 of yes; two classes need at least 5 each"
    for judge in (
        lambda: of_probabilities(few, VALUES, few, few, BLOCKS, ("no", "yes")),
        lambda: of_classes(few, few, few, BLOCKS, ("no", "yes")),
    ):
        with pytest.raises(AddError, match=said):
            judge()
