"""Rows at and beside the split values of trees, for parity: there runtimes are most likely to differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["split_edge_rows"]

Floats = npt.NDArray[Any]


def split_edge_rows(
    chosen: Floats, splits: Mapping[int, Floats], most: int, rng: np.random.Generator
) -> list[Floats]:
    """Three tables of copies of the `chosen` rows [n, F], with one value of each row changed.

    That value is a split value, the next float above it, or the next float below it. `splits` are split values by
    column; at most `most` of them are drawn.
    """
    pairs = [(column, value) for column, values in splits.items() for value in values]
    rng.shuffle(pairs)
    at = np.array([pair[1] for pair in pairs[:most]], dtype=np.float32)
    columns = np.array([pair[0] for pair in pairs[:most]], dtype=np.intp)
    tables = []
    for values in (at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))):
        rows = chosen[rng.integers(0, len(chosen), len(values))].copy()
        rows[np.arange(len(values)), columns] = values
        tables.append(rows)
    return tables
