"""Questions and feature rows from the test part, for golden rows and the parity check."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.quality.schema import QualityQuestion
from apps.quality.serve.columns import HISTORY_COLUMN, LEAST_HISTORY
from apps.quality.serve.features import Lots
from apps.quality.train.data import measurements
from training.data.split_edge_rows import split_edge_rows

__all__ = ["golden", "parity_rows", "question_of"]

Floats = npt.NDArray[np.float32]

GOLDEN_ROWS = 32
LENGTHS = (50, 0, LEAST_HISTORY, 20, LEAST_HISTORY - 1)
HELD_OUT_ROWS = 2000
LEAST_HELD_OUT = 1000
BOUNDARIES = 600
EXTREMES = (0.0, -0.0, 1e30, -1e30, 1e-40, -1e-40, 1.0, -1.0)


def golden(test: pd.DataFrame, lots: Lots) -> list[QualityQuestion]:
    """Return questions spread over the test part, with mixed history lengths and missing measurements."""
    rows = np.linspace(0, len(test) - 1, GOLDEN_ROWS).astype(int)
    names = measurements(test)
    return [
        question_of(names, lots, int(row), LENGTHS[number % len(LENGTHS)], missing=number % 6 == 2)
        for number, row in enumerate(rows)
    ]


def question_of(
    names: tuple[str, ...], lots: Lots, row: int, length: int, missing: bool = False
) -> QualityQuestion:
    """Return the question of one row with up to `length` lots of history, optionally without its first value."""
    known = [lot for lot in lots.history[row] if not np.isnan(lot).all()]
    given = _lot(names, lots.values[row])
    if missing and len(given) > max(1, len(names) // 2):
        given.pop(next(iter(given)))
    return QualityQuestion(
        measurements=given,
        supplier=f"supplier {row}",
        history=tuple(_lot(names, lot) for lot in known[:length]),
    )


def parity_rows(held_out: Floats, splits: Mapping[int, Floats]) -> Floats:
    """Return at least 1,000 held-out rows, copies with one value at, above and below a split value, then extremes.

    `splits` are the forests' split values by input column. The last rows hold one extreme value in one column or
    in all columns, and NaN in all columns.
    """
    rng = np.random.default_rng(7)
    held_out = np.tile(held_out, (-(-LEAST_HELD_OUT // len(held_out)), 1))
    chosen = held_out[np.sort(rng.permutation(len(held_out))[:HELD_OUT_ROWS])]
    boundary = split_edge_rows(chosen, splits, BOUNDARIES, rng)
    used = np.unique([*splits, HISTORY_COLUMN])
    single = np.repeat(chosen[:1], len(used) * 3, axis=0)
    single[np.arange(len(single)), np.tile(used, 3)] = np.repeat(
        np.array([1e30, -1e30, np.nan], dtype=np.float32), len(used)
    )
    flat = np.repeat(np.array([*EXTREMES, np.nan], dtype=np.float32)[:, None], held_out.shape[1], axis=1)
    return np.concatenate([chosen, *boundary, single, flat])


def _lot(names: tuple[str, ...], values: npt.NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True) if not np.isnan(value)}
