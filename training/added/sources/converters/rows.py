"""Rows to compare a model with its graph: some of a sample, and made ones beside the values where trees split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from serving.kernel.tensors import Arrays
from training.added.sources.converted import ROWS
from training.added.sources.exchange import CannotConvert, Field, Source

__all__ = ["category_rows", "edge_rows", "example_rows", "matrix_of", "named_columns"]

Floats = npt.NDArray[np.float32]
NEAR = 1e-5
"""How far beside a split, relative to it: 32 bits tell these values from the split."""
ZERO = 1e-30
"""LightGBM splits zeros from other numbers at 1e-35."""
LARGEST = 1e38
"""32 bits hold no larger number."""
UNKNOWN = int(np.iinfo(np.int64).min)
"""A category that no model has, in place of a missing one."""
TEXTS = ("", "a", "b", "yes", "no")


def edge_rows(
    splits: Mapping[int, Sequence[float]],
    width: int,
    counts: Mapping[int, int] | None = None,
    missing: bool = True,
    seed: int = 7,
) -> Floats:
    """Rows with values at and beside the splits of each column; `counts` has the number of categories of columns.

    A split that 32 bits do not have is not hit itself: what is served cannot tell the value from it.
    """
    rng = np.random.default_rng(seed)
    made = rng.standard_normal((ROWS, width))
    for column, values in splits.items():
        # Trees split what is missing from what is not at infinity or at 1e300.
        known = [value for value in values if abs(value) < LARGEST]
        if not known:
            continue
        at = rng.choice(np.asarray(known, np.float64), ROWS)
        at[np.abs(at) < ZERO] = 0
        exact = at.astype(np.float32) == at
        moves = rng.choice([-1.0, 0.0, 1.0], ROWS) * NEAR * np.maximum(1, np.abs(at))
        made[:, column] = at + np.where((moves == 0) & ~exact, NEAR * np.maximum(1, np.abs(at)), moves)
    for column, count in (counts or {}).items():
        made[:, column] = rng.integers(0, max(1, count), ROWS)
    if missing:
        made[rng.random(made.shape) < 0.05] = np.nan
    return made.astype(np.float32)


def named_columns(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The sample's columns that the model was fitted with, in its order. Raises `CannotConvert`."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise CannotConvert(
            f"the sample has no column {missing[0]!r}, which the model was fitted with; it has "
            f"{', '.join(map(str, frame.columns[:20]))}"
        )
    return frame[list(names)]


def matrix_of(frame: pd.DataFrame | None, names: Sequence[str], width: int) -> Floats | None:
    """Rows of a sample as FP32, for a model that takes a matrix; None without a sample. Raises `CannotConvert`."""
    if frame is None:
        return None
    chosen = named_columns(frame, names) if names else frame
    if chosen.shape[1] != width:
        raise CannotConvert(
            f"the model takes {width} columns, and the sample has {chosen.shape[1]}: "
            f"{', '.join(map(str, chosen.columns[:20]))}. Choose them in the model's order with --columns"
        )
    try:
        made: Floats = chosen[:ROWS].apply(pd.to_numeric).to_numpy(np.float32)
    except (TypeError, ValueError) as cause:
        raise CannotConvert(f"the model takes numbers, and the sample has others: {cause}") from cause
    return made


def example_rows(source: Source) -> pd.DataFrame | None:
    """MLflow's input example, or made rows that fit its signature, with its types; None without both."""
    if source.example:
        frame = pd.read_json(source.example, orient="split", convert_dates=False, dtype=False)
    elif source.fields:
        frame = _made(source.fields)
    else:
        return None
    for field in source.fields:
        if field.name in frame.columns and field.type in ("double", "float"):
            frame[field.name] = frame[field.name].astype(np.float64)
    return frame


def _made(fields: Sequence[Field]) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    makers: dict[str, Any] = {
        "string": lambda: rng.choice(TEXTS, ROWS).astype(object),
        "boolean": lambda: rng.integers(0, 2, ROWS).astype(bool),
        "integer": lambda: rng.integers(0, 10, ROWS).astype(np.int32),
        "long": lambda: rng.integers(0, 10, ROWS),
    }
    return pd.DataFrame(
        {field.name: makers.get(field.type, lambda: rng.standard_normal(ROWS))() for field in fields}
    )


def category_rows(
    edges: Floats,
    sample: pd.DataFrame | None,
    names: Sequence[str],
    categories: Mapping[int, Sequence[str | int]],
) -> tuple[Arrays, pd.DataFrame]:
    """Rows whose columns in `categories` have values instead of numbers: as the graph takes them, and for pandas.

    `edges` has the numbers of categories. Raises `CannotConvert` for a sample without a column of the model.
    """
    rows = pd.DataFrame(edges, columns=list(names))
    for index, known in categories.items():
        rows[names[index]] = np.array(known, object)[rows[names[index]].astype(int)]
    if sample is not None:
        rows = pd.concat([named_columns(sample, names)[: len(rows)], rows], ignore_index=True)
    asked, inputs = rows.copy(), {}
    for index, name in enumerate(names):
        if index not in categories:
            asked[name] = rows[name].astype(np.float32)
            inputs[name] = asked[[name]].to_numpy()
            continue
        known = list(categories[index])
        text = isinstance(known[0], str)
        cells = rows[name].to_numpy(object, copy=True)
        cells[rows[name].isna()] = "" if text else UNKNOWN
        inputs[name] = cells.astype(object if text else np.int64).reshape(-1, 1)
        asked[name] = pd.Categorical(rows[name], categories=known)
    return inputs, asked
