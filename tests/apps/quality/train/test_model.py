from __future__ import annotations

import numpy as np
import pytest

from apps.quality.serve.columns import DEVIATION_START, FEATURES, HISTORY_COLUMN
from apps.quality.serve.features import compute
from apps.quality.train.lots import alone, hidden, with_history
from apps.quality.train.model import (
    SLOPES,
    calibrated,
    calibration,
    directions,
    grade_table,
    in_spreads,
    pairs,
    terms,
    watch_table,
)
from apps.quality.train.recipe import recipe
from tests.apps.quality.tables import CONTEXT, bean_model, bean_split, lot_model, lot_split, model_of
from tests.training.local import LocalTrainer


def rows(*measured: tuple[float, float]) -> np.ndarray:
    found = np.full((len(measured), len(FEATURES)), np.nan, dtype=np.float32)
    found[:, :2] = measured
    return found


def test_the_median_lot_stands_in_for_what_is_missing() -> None:
    found = rows((12.0, np.nan), (1e30, -1e30))
    np.testing.assert_array_equal(in_spreads(found, CONTEXT), [[1, 0], [20, -20]])
    table = grade_table(found, np.eye(2), CONTEXT)
    assert table.dtype == np.float32
    assert table[0].tolist() == [12, 100, 1, 0]


def test_terms_are_squares_and_products() -> None:
    left, right = pairs(3)
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 1),
        (1, 2),
        (2, 2),
    ]
    away = np.array([[1.0, 2.0, 3.0]])
    assert terms(away, 9).tolist() == [[1, 2, 3, 1, 2, 3, 4, 6, 9]]
    assert terms(away, 3) is away


def test_half_of_what_the_watch_sees_is_the_largest_deviation() -> None:
    found = rows((1, 1), (1, 1))
    found[:, DEVIATION_START : DEVIATION_START + 2] = [[-5, 2], [np.nan, np.nan]]
    assert watch_table(found, CONTEXT).tolist() == [[-5, 2, 5, 5], [0, 0, 0, 0]]


def test_directions_are_where_the_grades_differ() -> None:
    rng = np.random.default_rng(1)
    grades = rng.integers(0, 2, 4000)
    values = rng.normal(size=(4000, 3)) * [1, 10, 1]
    values[:, 0] += 3 * grades
    (first,) = directions(values, grades).T
    assert abs(first[0]) > 0.9
    assert abs(first[1:]).max() < 0.1
    projected = values @ first
    assert np.std([projected[grades == one] - projected[grades == one].mean() for one in (0,)]) == pytest.approx(
        1, abs=0.05
    )


def test_directions_of_columns_that_are_copies_are_finite() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(300, 2))
    assert np.isfinite(directions(np.hstack([values, values, 0 * values]), rng.integers(0, 3, 300))).all()


@pytest.mark.parametrize("bent", [0.5, 1.0, 2.0])
def test_calibration_finds_how_far_probabilities_are_bent(bent: float) -> None:
    rng = np.random.default_rng(1)
    true = rng.dirichlet([1.0, 1.0, 1.0], 20_000)
    grades = np.array([rng.choice(3, p=each) for each in true])
    raw = calibrated(true, bent)
    assert calibration(raw, grades) == pytest.approx(1 / bent, rel=0.06)
    assert (calibrated(raw, 3.0).argmax(axis=1) == raw.argmax(axis=1)).all()
    assert SLOPES[0] < 1 < SLOPES[-1]


def test_calibrated_probabilities_of_a_sure_forest_stay_possible() -> None:
    found = calibrated(np.array([[1.0, 0.0, 0.0]]), 1.0)
    assert found.sum() == pytest.approx(1)
    assert found[0, 1] == pytest.approx(0.001, rel=0.01)


def test_the_score_is_the_expected_value_or_the_confidence() -> None:
    for (_, made), (_, split) in ((bean_model(), bean_split()), (lot_model(), lot_split())):
        features = compute(alone(split.test), model_of(made).context)
        found = made.predict({"features": features})
        probabilities = found["probabilities"]
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
        values = model_of(made).context.values
        wanted = probabilities @ np.array(values) if values else 100 * probabilities.max(axis=1)
        np.testing.assert_allclose(found["score"][:, 0], wanted, atol=1e-3)


def test_lots_with_holes_are_graded_by_the_forest_that_knows_holes() -> None:
    model = model_of(bean_model()[1])
    features = compute(alone(bean_split()[1].test), model.context)
    features[::2, 1] = np.nan
    table = grade_table(features, model.axes, model.context)
    found = model.probabilities(features)
    np.testing.assert_array_equal(found[::2], model.patchy.stated(table)[::2])
    np.testing.assert_array_equal(found[1::2], model.whole.stated(table)[1::2])
    np.testing.assert_array_equal(model.raw(features)[1::2], model.whole.raw(table)[1::2])


def test_a_missing_measurement_costs_little() -> None:
    _, made = lot_model()
    model, test = model_of(made), lot_split()[1].test
    grades = np.array([model.context.grades.index(grade) for grade in test["grade"]])
    lots = alone(test)
    right = [
        (model.probabilities(compute(each, model.context)).argmax(axis=1) == grades).mean()
        for each in (lots, hidden(lots, 0.25, 1))
    ]
    assert right[1] > right[0] - 0.05


def test_the_history_decides_which_watch_answers() -> None:
    model = model_of(bean_model()[1])
    features = compute(with_history(bean_split()[1].test, bean_split()[1].train, 1), model.context)
    own = model.margins(features)
    features[:, HISTORY_COLUMN] = 7
    assert not np.array_equal(own, model.margins(features))


def test_about_the_stated_share_of_the_validation_lots_is_flagged() -> None:
    for (_, made), (_, split) in ((bean_model(), bean_split()), (lot_model(), lot_split())):
        model = model_of(made)
        features = compute(alone(split.validation), model.context)
        assert (model.margins(features) > 0).mean() == pytest.approx(model.context.alarm_share, abs=0.006)


def test_fitting_twice_gives_the_same_model() -> None:
    first, second = (recipe.fit(bean_split()[1], LocalTrainer()) for _ in range(2))
    assert recipe.export(first).SerializeToString(deterministic=True) == recipe.export(second).SerializeToString(
        deterministic=True
    )
