from __future__ import annotations

import numpy as np
import pytest

from apps.fraud.serve.features import table
from apps.fraud.train.model import LEAST, LIMIT, fit_scaling, squares_of, typical_of
from tests.apps.fraud.tables import model, raw


def test_scaling_is_by_median_and_quartiles() -> None:
    values = np.random.default_rng(0).normal(5, 2, (4000, 1)).astype(np.float32)
    values[:40] = 1e6
    scaling = fit_scaling(values)
    assert scaling.middle[0] == pytest.approx(5, abs=0.2)
    # A hundredth of wild values moves the standard deviation to 10^5, a tenth of which is the least spread.
    assert scaling.spread[0] == pytest.approx(0.1 * values.std(), rel=0.01)
    assert fit_scaling(values[40:]).spread[0] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("constant", [0.0, 3.0, 1e9, np.nan])
def test_a_column_that_never_varies_is_left_in_its_unit(constant: float) -> None:
    scaling = fit_scaling(np.full((100, 1), constant, np.float32))
    assert scaling.spread[0] == 1
    values, known = scaling.apply(np.array([[constant], [np.nan]], np.float32))
    assert values.tolist() == [[0], [0]]
    assert known[1, 0] == 0


def test_extreme_values_are_cut_and_missing_ones_filled() -> None:
    scaling = model().scaling
    rows = np.array([[3e38, -3e38, np.nan], [np.inf, -np.inf, 0]], np.float32)
    values, known = scaling.apply(rows)
    assert values[0].tolist() == [LIMIT, -LIMIT, 0]
    assert values[1, :2].tolist() == [LIMIT, -LIMIT]
    assert known.tolist() == [[1, 1, 0], [1, 1, 1]]


def test_the_parts_add_up_to_the_score() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    rows[3, 1] = np.nan
    found = model().predict({"features": table(rows)})
    np.testing.assert_allclose(found["contributions"].sum(axis=1), found["score"][:, 0], rtol=1e-5)
    assert (found["contributions"] >= 0).all()
    assert (found["contributions"][:, 3:] == 0).all()
    assert found["contributions"][3, 1] == 0
    np.testing.assert_allclose(found["margins"], found["score"] - [[2.0, 4.0]], rtol=1e-5)


def test_free_slots_are_ignored() -> None:
    rows = table(np.random.default_rng(0).normal(size=(5, 3)))
    full = np.nan_to_num(rows, nan=7.0)
    np.testing.assert_array_equal(
        model().predict({"features": rows})["score"], model().predict({"features": full})["score"]
    )


def test_a_view_counts_in_what_is_typical_for_normal_records() -> None:
    rng = np.random.default_rng(0)
    errors = np.abs(rng.normal(size=(5, 1000, 3)) * [1, 10, 100]).astype(np.float32)
    known = (rng.random((1000, 3)) < 0.8).astype(np.float32)
    known[:, 0] = 1
    typical = typical_of(errors, known)
    np.testing.assert_allclose(typical[:, 1] / typical[:, 0], 10, rtol=0.2)
    distances = np.sqrt(squares_of(errors, typical, known).sum(axis=2))
    np.testing.assert_allclose((distances < 1).mean(axis=1), 0.9, atol=0.02)
    # A value that is always predicted exactly still has a unit, and no view is closer than the least distance.
    assert (typical_of(np.zeros_like(errors), known) > 0).all()
    assert np.sqrt(squares_of(np.zeros_like(errors), typical, known).sum(axis=2)) == pytest.approx(LEAST)


def test_scores_are_bounded() -> None:
    found = model()
    usual = found.predict({"features": table(np.float32(raw().drop(columns="label"))[:50])})["score"]
    assert (usual >= 0).all()
    wild = found.predict({"features": table(np.full((1, 3), 3e38, np.float32))})["score"]
    assert usual.max() < wild[0, 0] < np.log(100 / LEAST)
