from __future__ import annotations

import numpy as np
import pytest

from apps.quality.serve.columns import LEAST_HISTORY, MOST_HISTORY
from apps.quality.serve.features import Lots, compute, encode
from apps.quality.train.data import measurements
from apps.quality.train.golden import question_of
from apps.quality.train.lots import alone, context_of, hidden, stand_ins, with_history
from tests.apps.quality.tables import bean_split, lot_split


def test_a_suppliers_history_is_what_came_before() -> None:
    frame, split = lot_split()
    test = split.test
    lots = with_history(test, split.train, seed=1)
    names = list(measurements(frame))
    for row in (0, 3, 60, 200):
        own = test[test["supplier"] == test["supplier"].iloc[row]]
        before = own.loc[own.index < test.index[row], names].to_numpy()[::-1][:MOST_HISTORY]
        assert lots.known[row] == len(before)
        np.testing.assert_array_equal(lots.history[row, : len(before)], before)
        assert np.isnan(lots.history[row, len(before) :]).all()


def test_a_stand_in_delivers_one_grade_from_the_lots_to_fit_on() -> None:
    _, split = bean_split()
    lots = with_history(split.test, split.train, seed=1)
    table = split.train[list(measurements(split.train))].to_numpy()
    grade_of = {row.tobytes(): grade for row, grade in zip(table, split.train["grade"], strict=True)}
    for row, grade in enumerate(split.test["grade"]):
        known = lots.history[row][: lots.known[row]]
        assert {grade_of[lot.tobytes()] for lot in known} == {grade}
    assert lots.known.min() >= LEAST_HISTORY


def test_a_lot_is_never_in_its_own_history() -> None:
    _, split = bean_split()
    lots = with_history(split.train, split.train, seed=1)
    same = (lots.history == lots.values[:, None]).all(axis=2)
    assert not same.any()


def test_a_stand_in_may_deliver_another_grade() -> None:
    _, split = bean_split()
    sent = split.test[split.test["grade"] == "SEKER"]
    lots = stand_ins(sent, split.train, np.full(len(sent), "DERMASON"), seed=1)
    sizes = np.nanmedian(lots.history[:, :, 0], axis=1)
    assert (sizes < lots.values[:, 0].mean() - 8000).all()


def test_the_context_is_of_the_lots_to_fit_on() -> None:
    _, split = bean_split()
    context = context_of(split.train)
    assert context.features == ("Area", "Roundness", "Extent")
    assert context.center[0] == split.train["Area"].median()
    assert min(context.spread) > 0 and min(context.within) > 0
    # One supplier's lots are alike: all lots together vary more.
    assert context.within[0] < context.spread[0]
    assert np.array(context.usual).shape == (3, 3, 2)
    low, high = context.usual[0][0]
    own = split.train.loc[split.train["grade"] == context.grades[0], "Area"]
    assert own.between(low, high).mean() == pytest.approx(0.9, abs=0.02)


def test_a_measurement_that_hardly_varies_has_a_spread() -> None:
    _, split = bean_split()
    still = split.train.assign(Extent=1.0, Roundness=np.where(np.arange(len(split.train)) % 9 == 0, 2.0, 1.0))
    context = context_of(still)
    assert 0 < context.spread[2] < 1e-6
    assert context.spread[1] == pytest.approx(np.sqrt(1 / 9), abs=0.02)


def test_hidden_measurements_are_about_the_share_and_never_more_than_half() -> None:
    lots = Lots(np.ones((500, 8)), np.zeros((500, 0, 8)), np.zeros(500, dtype=np.intp))
    for share in (0.25, 0.9):
        gone = np.isnan(hidden(lots, share, seed=1).values)
        assert gone.sum(axis=1).max() <= 4
    assert np.isnan(hidden(lots, 0.25, seed=1).values).mean() == pytest.approx(0.24, abs=0.03)


def test_questions_and_tables_give_the_same_features() -> None:
    """No skew: what training computes from a table is what serving computes from the question."""
    for frame, split in (bean_split(), lot_split()):
        context = context_of(split.train)
        names = measurements(frame)
        for lots in (alone(split.test), with_history(split.test, split.train, seed=1)):
            asked = [question_of(names, lots, row, MOST_HISTORY) for row in range(60)]
            whole = [row for row in range(60) if not np.isnan(lots.values[row]).all()]
            np.testing.assert_array_equal(encode(asked, context)["features"][whole], compute(lots, context)[whole])
