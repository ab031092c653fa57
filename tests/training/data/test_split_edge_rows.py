from __future__ import annotations

import numpy as np

from training.data.split_edge_rows import split_edge_rows


def test_rows_stand_at_above_and_below_every_split_value() -> None:
    rows = np.zeros((4, 3), np.float32)
    splits = {0: np.array([1.5, -2.0], np.float32), 2: np.array([7.0], np.float32)}
    at, above, below = split_edge_rows(rows, splits, 10, np.random.default_rng(0))
    assert sorted(at.sum(axis=1).tolist()) == [-2.0, 1.5, 7.0] and (at[:, 1] == 0).all()
    assert (above.sum(axis=1) > at.sum(axis=1)).all() and (below.sum(axis=1) < at.sum(axis=1)).all()
    assert not rows.any(), "copies"


def test_no_more_than_asked_for() -> None:
    splits = {0: np.arange(100, dtype=np.float32)}
    tables = split_edge_rows(np.zeros((4, 3), np.float32), splits, 10, np.random.default_rng(0))
    assert [len(table) for table in tables] == [10, 10, 10]
