from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.price.serve.calibrate import EDGES, SCALES, finish, mean_move, step_of
from apps.price.serve.columns import DISPERSION_COLUMN, FEATURES, HORIZON_COLUMN, KNOWN_COLUMN
from tests.apps.price.windows import CONTEXT


def rows(*horizons: float) -> np.ndarray:
    table = np.zeros((len(horizons), len(FEATURES)), dtype=np.float32)
    table[:, HORIZON_COLUMN] = horizons
    return table


@given(st.integers(1, 30))
def test_every_horizon_has_its_own_step(horizon: int) -> None:
    assert step_of(rows(horizon))[0] == horizon - 1


@pytest.mark.parametrize(("wild", "step"), [(np.nan, 0), (-1e30, 0), (0, 0), (1e30, 29), (31, 29)])
def test_a_wild_horizon_gets_the_nearest_step(wild: float, step: int) -> None:
    assert step_of(rows(wild))[0] == step


def test_the_scale_grows_with_the_horizon() -> None:
    assert SCALES[0] == 1
    assert (np.diff(SCALES) > 0).all()
    assert len(EDGES) == len(SCALES) - 1


@given(st.integers(1, 30), st.floats(-2, 2, width=32), st.floats(0, 9, width=32), st.integers(0, 90))
def test_the_outputs_are_ordered_whatever_the_score(
    horizon: int, score: float, dispersion: float, known: int
) -> None:
    features = rows(horizon)
    features[:, DISPERSION_COLUMN], features[:, KNOWN_COLUMN] = dispersion, known
    done = finish(features, np.array([score], dtype=np.float32), CONTEXT)
    assert done["log_low"][0, 0] <= done["log_ratio"][0, 0] <= done["log_high"][0, 0]
    assert done["log_ratio"][0, 0] == np.float32(score) * SCALES[horizon - 1]
    assert all(array.shape == (1, 1) and array.dtype == np.float32 for array in done.values())


def test_each_side_has_its_own_reach() -> None:
    context = msgspec.structs.replace(CONTEXT, reach=((2.0, 0.5),) * 30)
    done = finish(rows(1), np.zeros(1, np.float32), context)
    assert done["log_low"][0, 0] == pytest.approx(-0.2)
    assert done["log_high"][0, 0] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("dispersion", "known", "moves"),
    [(np.nan, 90, 0.1), (0.4, np.nan, 0.1), (0.4, 7, 0.1), (0.4, 12, 0.25), (0.4, 90, (83 * 0.4 + 0.5) / 88)],
)
def test_a_short_history_borrows_the_typical_move(dispersion: float, known: float, moves: float) -> None:
    features = rows(7)
    features[:, DISPERSION_COLUMN], features[:, KNOWN_COLUMN] = dispersion, known
    assert mean_move(features, np.full(30, 0.1, dtype=np.float32))[0] == pytest.approx(moves)


@pytest.mark.parametrize("wild", [1e30, -1e30, np.nan])
def test_wild_features_still_make_a_finite_interval(wild: float) -> None:
    done = finish(np.full((1, len(FEATURES)), wild, np.float32), np.zeros(1, np.float32), CONTEXT)
    assert all(np.isfinite(array).all() for array in done.values())
