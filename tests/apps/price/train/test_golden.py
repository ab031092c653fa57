from __future__ import annotations

import numpy as np

from apps.price.train.golden import EXTREMES, golden, parity_rows
from tests.apps.price.tables import synthetic_split


def test_golden_questions_are_of_the_test_period_and_mixed() -> None:
    frame, split = synthetic_split()
    since = split.test["date"].min()
    asked = golden(frame, since)
    assert len(asked) == 32
    assert all(max(seen.date for seen in one.history) >= since.date() for one in asked)
    assert {one.horizon for one in asked} >= {1, 7, 30}
    assert {len(one.history) for one in asked} >= {1, 10, 90}
    assert any(all(seen.arrival is None for seen in one.history) for one in asked)
    assert any(all(seen.reference is None for seen in one.history) for one in asked)
    assert len({one.market for one in asked}) == 4


def test_parity_rows_hold_split_values_their_neighbours_extremes_and_nan() -> None:
    held_out = np.random.default_rng(0).normal(size=(3000, 6)).astype(np.float32)
    splits = {2: np.array([0.5, 0.75], dtype=np.float32), 4: np.array([1.5], dtype=np.float32)}
    rows = parity_rows(held_out, splits)
    assert len(rows) >= 2000 + 9
    assert rows.dtype == np.float32
    for value in (0.5, 0.75):
        at = np.float32(value)
        for near in (at, np.nextafter(at, np.float32(9)), np.nextafter(at, np.float32(-9))):
            assert (rows[2000:, 2] == near).any()
    assert np.isnan(rows[-1]).all()
    for extreme in EXTREMES:
        assert (rows[-9:] == np.float32(extreme)).all(axis=1).any()
    np.testing.assert_array_equal(rows, parity_rows(held_out, splits))
