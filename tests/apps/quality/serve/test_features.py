from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.quality.schema import SLOTS, QualityQuestion
from apps.quality.serve.columns import DEVIATION_START, FEATURES, HISTORY_COLUMN, MOST_HISTORY
from apps.quality.serve.features import BORROWED, FURTHEST, MAD_TO_DEVIATION, compute, encode, fill, medians
from serving.kernel.errors import Invalid
from tests.apps.quality.tables import CONTEXT

Floats = npt.NDArray[Any]
HISTORY = tuple({"size": size, "weight": 90.0 + size} for size in (7.0, 9.0, 8.0, 11.0, 10.0, 8.0, 9.0, 10.0, 9.0))

values = st.floats(-1e12, 1e12)
lots = st.fixed_dictionaries({"size": values}, optional={"weight": values})
questions = st.builds(
    QualityQuestion, measurements=lots, history=st.lists(lots, max_size=60).map(tuple), supplier=st.none()
)


def features(*asked: QualityQuestion) -> Floats:
    return encode(asked, CONTEXT)["features"]


def test_measurements_stand_in_their_slots_whatever_their_order() -> None:
    found = features(QualityQuestion(measurements={"weight": 120.0, "size": 11.0}))
    assert found.shape == (1, len(FEATURES))
    assert found[0, :2].tolist() == [11.0, 120.0]
    assert np.isnan(found[0, 2:SLOTS]).all()
    assert found[0, HISTORY_COLUMN] == 0


def test_without_a_history_all_lots_are_what_is_usual() -> None:
    for history in ((), HISTORY[:7]):
        found = features(QualityQuestion(measurements={"size": 11.0, "weight": 80.0}, history=history))
        assert found[0, DEVIATION_START : DEVIATION_START + 2].tolist() == [0.5, -2.0]
        assert found[0, HISTORY_COLUMN] == len(history)


def test_with_a_history_the_suppliers_lots_are() -> None:
    found = features(QualityQuestion(measurements={"size": 12.0, "weight": 99.0}, history=HISTORY))
    sizes = np.array([lot["size"] for lot in HISTORY])
    own = np.median(np.abs(sizes - np.median(sizes))) * MAD_TO_DEVIATION
    spread = np.sqrt((len(sizes) * own**2 + BORROWED * 1.0) / (len(sizes) + BORROWED))
    assert found[0, DEVIATION_START] == pytest.approx((12 - np.median(sizes)) / spread)


def test_a_measurement_that_too_few_lots_of_the_history_have_is_not_compared() -> None:
    history = (*HISTORY[:7], {"size": 9.0}, {"size": 9.0})
    found = features(QualityQuestion(measurements={"size": 12.0, "weight": 99.0}, history=history))
    assert np.isfinite(found[0, DEVIATION_START])
    assert np.isnan(found[0, DEVIATION_START + 1])


def test_only_the_latest_lots_count() -> None:
    old = ({"size": 1e6, "weight": 1e6},) * 30
    recent = (HISTORY * 6)[:MOST_HISTORY]
    asked = {"size": 12.0, "weight": 99.0}
    long, short = (QualityQuestion(measurements=asked, history=each) for each in (old + recent, recent))
    np.testing.assert_array_equal(features(long), features(short))
    assert features(long)[0, HISTORY_COLUMN] == MOST_HISTORY


@given(st.lists(questions, min_size=1, max_size=5))
def test_rows_do_not_depend_on_each_other_and_never_overflow(asked: list[QualityQuestion]) -> None:
    batch = features(*asked)
    assert not np.isinf(batch).any()
    away = batch[:, DEVIATION_START:HISTORY_COLUMN]
    assert np.abs(away[~np.isnan(away)]).max(initial=0) <= FURTHEST
    for index, one in enumerate(asked):
        assert features(one).tobytes() == batch[index : index + 1].tobytes()


@given(st.lists(questions, min_size=1, max_size=4))
def test_moving_and_scaling_a_measurement_moves_no_deviation_from_the_supplier(
    asked: list[QualityQuestion],
) -> None:
    """Kilograms or pounds: the deviation has no unit."""
    lots = fill(asked, CONTEXT)
    lots.values[:] = np.round(lots.values % 64)
    lots.history[:] = np.round(lots.history % 64)
    scaled = replace(lots, values=lots.values * 4 + 32, history=lots.history * 4 + 32)
    other = msgspec.structs.replace(
        CONTEXT,
        center=tuple(4 * value + 32 for value in CONTEXT.center),
        spread=tuple(4 * value for value in CONTEXT.spread),
        within=tuple(4 * value for value in CONTEXT.within),
    )
    away = slice(DEVIATION_START, HISTORY_COLUMN)
    np.testing.assert_allclose(compute(scaled, other)[:, away], compute(lots, CONTEXT)[:, away], rtol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6])
def test_medians_are_numpys_without_nan(count: int) -> None:
    table = np.random.default_rng(1).normal(size=(4, 6, 3))
    table[:, count:] = np.nan
    found, known = medians(table)
    assert (known == count).all()
    if count:
        np.testing.assert_allclose(found, np.nanmedian(table, axis=1))
    else:
        assert np.isnan(found).all()


@pytest.mark.parametrize(
    ("question", "path"),
    [
        (QualityQuestion(measurements={"size": 1.0, "id": 7.0}), "[1].measurements.id"),
        (QualityQuestion(measurements={"size": 1.0}, history=({"size": 1.0}, {"hue": 1.0})), "[1].history[1].hue"),
    ],
)
def test_unknown_measurements_are_refused_by_name(question: QualityQuestion, path: str) -> None:
    fine = QualityQuestion(measurements={"size": 1.0})
    with pytest.raises(Invalid) as error:
        features(fine, question)
    assert error.value.field == path
    assert "size, weight" in error.value.reason


def test_less_than_half_of_the_measurements_is_too_few() -> None:
    names = ("size", "weight", "hue", "width")
    wide = msgspec.structs.replace(
        CONTEXT, features=names, center=(1.0,) * 4, spread=(1.0,) * 4, within=(1.0,) * 4
    )
    assert encode([QualityQuestion(measurements={"size": 1.0, "hue": 2.0})], wide)["features"].shape == (1, 65)
    with pytest.raises(Invalid, match="1 of 4 measurements"):
        encode([QualityQuestion(measurements={"size": 1.0})], wide)
