"""Evaluation rows as a file of their run, and the pairing of two versions' rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import DataError
from training.recipe import Evaluation, Kind

__all__ = ["FOLDER", "NAME", "Paired", "keyed", "load", "pair", "save", "with_keys"]

FOLDER = "evaluation"
"""The artifact folder of a run."""
NAME = "rows.parquet"
KIND = b"slipway.kind"
TEXTS = ("key", "block", "slice")
NUMBERS = ("low", "high", "score")


@dataclass(frozen=True)
class Paired:
    """The rows on which both versions were judged, in the same order. Each side has its own `predicted`."""

    first: pd.DataFrame
    second: pd.DataFrame
    kind: Kind


def with_keys(rows: pd.DataFrame, block: Any, *parts: Any) -> pd.DataFrame:
    """Add the columns `key`, made of the `parts` (each one value per row), and `block`.

    Rows with equal parts get a number, in their order, to make their keys unique.
    """
    texts = pd.Series(
        ["|".join(map(str, row)) for row in zip(*(np.asarray(p).tolist() for p in parts), strict=True)]
    )
    again = texts.groupby(texts).cumcount()
    key = [text if number == 0 else f"{text}#{number + 1}" for text, number in zip(texts, again, strict=True)]
    return rows.assign(key=key, block=np.asarray(block))


def keyed(evaluation: Evaluation, block: Any, *parts: Any) -> Evaluation:
    """The evaluation with the columns of `with_keys`."""
    return replace(evaluation, rows=with_keys(evaluation.rows, block, *parts))


def save(folder: Path, evaluation: Evaluation) -> Path:
    """Write the rows to `rows.parquet` in the folder, which is created; returns the path."""
    rows = evaluation.rows.reset_index(drop=True)
    rows = rows.astype({name: str for name in TEXTS if name in rows})
    table = pa.Table.from_pandas(rows, preserve_index=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    pq.write_table(table.replace_schema_metadata({KIND: evaluation.kind.encode()}), path, compression="zstd")
    return path


def load(path: Path) -> Evaluation:
    """The rows and their kind, without metrics. Raises `DataError` for a file that `save` did not write."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as cause:
        raise DataError(
            f"{path.name}: cannot be read: {str(cause).splitlines()[0]}; train the version again"
        ) from cause
    kind = (table.schema.metadata or {}).get(KIND, b"").decode()
    if kind not in ("values", "probabilities", "classes"):
        raise DataError(f"{path.name}: kind {kind!r} is unknown; expected values, probabilities or classes")
    return Evaluation(metrics=(), rows=table.to_pandas(), kind=cast(Kind, kind))


def pair(first: Evaluation, second: Evaluation, names: tuple[str, str]) -> Paired:
    """The rows whose key occurs in both evaluations; there may be none. `names` are the versions' names in errors.

    Raises `DataError` for missing or duplicate keys, different kinds, or different actual values.
    """
    if first.kind != second.kind:
        raise DataError(
            f"{names[0]} was judged on {first.kind}, {names[1]} on {second.kind}; they cannot be compared"
        )
    for name, one in zip(names, (first, second), strict=True):
        _check(one.rows, name)
    left, right = (one.rows.set_index("key") for one in (first, second))
    common = left.index[left.index.isin(right.index)]
    left, right = left.loc[common], right.loc[common]
    # Both sides use the blocks and slices of the first, so that a draw is the same for both.
    right = right.assign(**{name: left[name] for name in ("block", "slice") if name in left})
    _refuse_other_truths(left["actual"], right["actual"], names)
    return Paired(left, right, first.kind)


def _check(rows: pd.DataFrame, name: str) -> None:
    missing = [column for column in ("key", "block", "actual", "predicted") if column not in rows]
    if missing:
        raise DataError(
            f"{name}: its evaluation rows have no column {missing[0]!r}; add it in the recipe's evaluate()"
        )
    twice = rows["key"].duplicated()
    if twice.any():
        one = rows["key"][twice].iloc[0]
        raise DataError(
            f"{name}: {twice.sum()} evaluation rows repeat a key, for example {one}; keys must be unique"
        )


def _refuse_other_truths(left: pd.Series[Any], right: pd.Series[Any], names: tuple[str, str]) -> None:
    one, other = left.to_numpy(), right.to_numpy()
    numbers = one.dtype.kind in "fiub" and other.dtype.kind in "fiub"
    differ = ~np.isclose(one, other, rtol=1e-9, atol=0, equal_nan=True) if numbers else one != other
    if differ.any():
        where = int(np.argmax(differ))
        raise DataError(
            f"{int(differ.sum())} of {len(one)} rows have different actual values: {left.index[where]} is "
            f"{one[where]} for {names[0]} and {other[where]} for {names[1]}. "
            "The data was corrected in between; judge both on one file with --data"
        )
