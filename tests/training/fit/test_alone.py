"""What one column alone gives away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fit.alone import (
    LEAST_ROWS,
    classes_of,
    correlation,
    evenly_spread,
    numbers_the_rows,
    one_column_f1,
    one_word_f1,
    separation,
)

ROWS = 1200
CLASSES = np.repeat(np.arange(3), ROWS // 3)
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(ROWS),
        np.arange(ROWS)[::-1] * 0.1,
        RANDOM.permutation(ROWS) + 1,
        RANDOM.permutation(ROWS) * 1e-6,
        RANDOM.choice(10 * ROWS, ROWS, replace=False),
        np.cumsum(RANDOM.integers(1, 900, ROWS)),
        np.where(np.arange(ROWS) % 50, RANDOM.permutation(ROWS), np.nan),
    ],
    ids=["counts", "down in steps", "shuffled", "shuffled shares", "with gaps", "rising", "with missing values"],
)
def test_a_column_that_numbers_the_rows_is_found(values: np.ndarray) -> None:
    assert numbers_the_rows(np.asarray(values, dtype=np.float64))


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.normal(size=ROWS),
        RANDOM.normal(30_000, 6_000, ROWS).round(),
        RANDOM.integers(0, 10 * ROWS, ROWS),
        RANDOM.choice(2**40, ROWS, replace=False),
        np.arange(LEAST_ROWS - 1),
        np.full(ROWS, np.nan),
        np.r_[1e-320, RANDOM.normal(size=ROWS), 3e38],
    ],
    ids=["measured", "whole numbers", "drawn", "wide", "few rows", "missing", "extreme"],
)
def test_measurements_do_not_number_the_rows(values: np.ndarray) -> None:
    assert not numbers_the_rows(np.asarray(values, dtype=np.float64))


@given(st.integers(0, 10_000))
def test_drawn_numbers_are_hardly_ever_taken_for_an_identifier(seed: int) -> None:
    """Fewer than one in a million draws of a grid this narrow have no equal values."""
    random = np.random.default_rng(seed)
    assert not numbers_the_rows(random.integers(0, 1500, 200).astype(np.float64))


@pytest.mark.parametrize(
    "values",
    [
        CLASSES * 7 + RANDOM.normal(size=ROWS),
        np.arange(ROWS) // 3,
        np.arange(ROWS) + RANDOM.normal(0, 2, ROWS),
        CLASSES,
        np.where(CLASSES == 1, np.nan, CLASSES * 5.0),
        RANDOM.permutation(3)[CLASSES] * ROWS + RANDOM.integers(0, 99, ROWS),
    ],
    ids=["label times 7", "three rows a number", "order with noise", "the label", "a gap", "blocks of numbers"],
)
def test_a_column_that_gives_the_classes_away_is_found(values: np.ndarray) -> None:
    assert one_column_f1(pd.Series(values), CLASSES) > 0.99


def test_buckets_of_one_class_are_found_and_those_of_chance_are_not() -> None:
    """Leaving the row itself out: otherwise many buckets predict anything."""
    bucket = RANDOM.permutation(ROWS // 10)[np.arange(ROWS) // 10]
    for values in (pd.Series(bucket), pd.Series(bucket).map("bucket {}".format)):
        assert one_column_f1(values, CLASSES) > 0.98
        assert one_column_f1(values, RANDOM.permutation(CLASSES)) < 0.5


def test_a_category_that_is_the_label_is_found_and_names_are_not_looked_at() -> None:
    assert one_column_f1(pd.Series(np.array(["ok", "bad", "odd"])[CLASSES]), CLASSES) == 1
    assert one_column_f1(pd.Series([f"lot {number}" for number in range(ROWS)]), CLASSES) == 0


@pytest.mark.parametrize("rare", [10, 60])
def test_a_rare_class_is_found_too(rare: int) -> None:
    label = (np.arange(3000) < rare).astype(np.intp)
    values = pd.Series(7 * label + np.random.default_rng(1).normal(size=3000))
    assert one_column_f1(values, label) > 0.97


def test_a_good_measurement_is_not_implausible() -> None:
    """Classes two and a half deviations apart: nine of ten rows are right by this column alone."""
    values = pd.Series(2.5 * CLASSES + RANDOM.normal(size=ROWS))
    assert 0.7 < one_column_f1(values, CLASSES) < 0.95
    assert one_column_f1(pd.Series(RANDOM.normal(size=ROWS)), CLASSES) < 0.5


def test_equal_rows_do_not_predict_each_other() -> None:
    """An order's lines share their value and their outcome, and tell nothing of other orders."""
    values, label = RANDOM.normal(size=300), RANDOM.integers(0, 2, 300)
    assert one_column_f1(pd.Series(np.repeat(values, 4)), np.repeat(label, 4)) < 0.7


def test_known_values_of_one_class_only_predict_nothing_by_themselves() -> None:
    values = pd.Series(np.where(np.arange(ROWS) < 80, RANDOM.normal(size=ROWS), np.nan))
    assert one_column_f1(values, CLASSES) < 0.6


def test_few_values_are_classes_and_many_are_a_quantity() -> None:
    assert classes_of(pd.Series(["b", "a"] * 30)).tolist() == [0, 1] * 30  # type: ignore[union-attr]
    assert classes_of(pd.Series(RANDOM.normal(size=100))) is None
    assert classes_of(pd.Series([1.0] * 100)) is None
    assert classes_of(pd.Series([1.0, 2.0] * 5)) is None


def test_correlations_are_of_values_or_ranks() -> None:
    values = RANDOM.normal(size=400)
    assert correlation(values, 3 * values + 1) == pytest.approx(1)
    assert correlation(values, np.exp(5 * values)) == pytest.approx(1)
    assert correlation(values, RANDOM.normal(size=400)) < 0.2
    assert correlation(np.full(400, 2.0), values) == 0


def test_separation_is_the_auroc_in_its_better_direction() -> None:
    positive = np.array([False, False, True, True])
    assert separation(np.array([1.0, 2, 3, 4]), positive) == separation(-np.array([1.0, 2, 3, 4]), positive) == 1
    assert separation(np.array([1.0, 1, 1, 1]), positive) == 0.5
    assert separation(np.array([1.0, 1, 1, 1]), positive | True) == 0.5


@pytest.mark.parametrize("noise", [0, 1, 5, 15])
@pytest.mark.parametrize("rows", [300, 569, ROWS])
def test_numbers_with_noise_are_spread_evenly(rows: int, noise: float) -> None:
    values = RANDOM.permutation(rows) + RANDOM.normal(0, noise or 1e-9, rows)
    assert evenly_spread(values)
    assert evenly_spread(np.where(np.arange(rows) % 30, 1e6 - 7.0 * values, np.nan))


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.normal(size=ROWS),
        RANDOM.exponential(size=ROWS),
        np.r_[RANDOM.normal(0, 1, ROWS), RANDOM.normal(4, 1, ROWS)],
        np.repeat([1.0, 2.0], ROWS),
        np.arange(LEAST_ROWS - 1.0),
        np.full(ROWS, np.nan),
        np.r_[-3e38, RANDOM.normal(size=ROWS), 3e38],
    ],
    ids=["normal", "skewed", "two groups", "two values", "few rows", "missing", "extreme"],
)
def test_measurements_are_not_spread_evenly(values: np.ndarray) -> None:
    assert not evenly_spread(values)


def test_one_word_of_a_text_may_tell_two_classes_apart() -> None:
    classes = np.arange(200) % 2
    texts = ["Grey Mixer, SOLD" if one else "grey kettle" for one in classes]
    score, word = one_word_f1(texts, classes)
    assert score == 1 and word in ("sold", "mixer", "kettle")
    some = ["a sold" if one and place % 4 == 1 else "a" for place, one in enumerate(classes)]
    assert one_word_f1(some, classes) == (pytest.approx((2 / 3 + 0.8) / 2), "sold")
    assert one_word_f1(["a"] * 200, classes)[0] < 0.4 and one_word_f1([""] * 200, classes) == (0.0, "")
