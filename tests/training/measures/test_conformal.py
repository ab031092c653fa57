from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.measures.conformal import factor, factors_by_group


@given(st.integers(30, 400), st.floats(0.5, 0.95), st.integers(0, 2**32 - 1))
def test_at_least_the_share_is_held(count: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    misses, halves = rng.normal(size=count), rng.uniform(0.1, 2, count)
    found = factor(misses, halves, share)
    assert (misses <= found * halves + 1e-12).mean() >= share


def test_new_rows_are_held_as_often_as_stated() -> None:
    rng = np.random.default_rng(1)
    halves = rng.uniform(0.5, 2, 40_000)
    misses = rng.standard_t(4, 40_000) * halves
    found = factor(misses[:20_000], halves[:20_000], 0.9)
    assert (misses[20_000:] <= found * halves[20_000:]).mean() == pytest.approx(0.9, abs=0.01)


def test_groups_have_their_own_factor_and_it_is_never_below_zero() -> None:
    groups = np.repeat([7, 1, 3], 100)
    misses = np.repeat([2.0, 0.5, -1.0], 100)
    assert factors_by_group(misses, np.ones(300), groups, 0.9) == {1: 0.5, 3: 0.0, 7: 2.0}


@pytest.mark.parametrize(
    ("misses", "halves", "share", "message"),
    [([], [], 0.9, "rows"), ([1.0], [1.0], 1.0, "share"), ([1.0], [0.0], 0.9, "above 0")],
)
def test_wrong_input_is_refused(misses: list[float], halves: list[float], share: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        factor(np.array(misses), np.array(halves), share)
