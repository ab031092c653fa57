"""Evaluation rows as a file of their run, and the rows that two versions have in common."""

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
"""Artifact folder of a run."""
NAME = "rows.parquet"
KIND = b"slipway.kind"
TEXTS = ("key", "block", "slice")
NUMBERS = ("low", "high", "score")


@dataclass(frozen=True)
class Paired:
    """The rows both versions were judged on, in the same order, each with its own `predicted`."""

    first: pd.DataFrame
    second: pd.DataFrame
    kind: Kind


def with_keys(rows: pd.DataFrame, block: Any, *parts: Any) -> pd.DataFrame:
    """The rows with `key`, made of the parts (one value per row each), and `block`.

    Rows with equal parts are told apart by a number, in their order.
    """
    texts = pd.Series(
        ["|".join(map(str, row)) for row in zip(*(np.asarray(p).tolist() for p in parts), strict=True)]
    )
    again = texts.groupby(texts).cumcount()
    key = [text if number == 0 else f"{text}#{number + 1}" for text, number in zip(texts, again, strict=True)]
    return rows.assign(key=key, block=np.asarray(block))


def keyed(evaluation: Evaluation, block: Any, *parts: Any) -> Evaluation:
    """The evaluation, its rows `with_keys`."""
    return replace(evaluation, rows=with_keys(evaluation.rows, block, *parts))


def save(folder: Path, evaluation: Evaluation) -> Path:
    """Write the rows to `rows.parquet` in a folder that is made; returns the path."""
    rows = evaluation.rows.reset_index(drop=True)
    rows = rows.astype({name: str for name in TEXTS if name in rows})
    table = pa.Table.from_pandas(rows, preserve_index=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    pq.write_table(table.replace_schema_metadata({KIND: evaluation.kind.encode()}), path, compression="zstd")
    return path


def load(path: Path) -> Evaluation:
    """The rows and their kind, without metrics. Raises `DataError` for a file that is not of `save`."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as cause:
        raise DataError(f"{path.name}: cannot be read: {str(cause).splitlines()[0]}") from cause
    kind = (table.schema.metadata or {}).get(KIND, b"").decode()
    if kind not in ("values", "probabilities", "classes"):
        raise DataError(f"{path.name}: kind {kind!r} is not known; expected values, probabilities or classes")
    return Evaluation(metrics=(), rows=table.to_pandas(), kind=cast(Kind, kind))


def pair(first: Evaluation, second: Evaluation, names: tuple[str, str]) -> Paired:
    """The rows with the same key; there may be none. `names` are what errors call the two.

    Raises `DataError` for rows without keys or with a key twice, other kinds, or other actual values.
    """
    if first.kind != second.kind:
        raise DataError(f"{names[0]} was judged on {first.kind}, {names[1]} on {second.kind}; nothing to compare")
    for name, one in zip(names, (first, second), strict=True):
        _check(one.rows, name)
    left, right = (one.rows.set_index("key") for one in (first, second))
    common = left.index[left.index.isin(right.index)]
    left, right = left.loc[common], right.loc[common]
    # Blocks and slices are those of the first: a draw is the same for both.
    right = right.assign(**{name: left[name] for name in ("block", "slice") if name in left})
    _refuse_other_truths(left["actual"], right["actual"], names)
    return Paired(left, right, first.kind)


def _check(rows: pd.DataFrame, name: str) -> None:
    missing = [column for column in ("key", "block", "actual", "predicted") if column not in rows]
    if missing:
        raise DataError(f"{name}: its evaluation rows have no {missing[0]!r}; the recipe must give it")
    twice = rows["key"].duplicated()
    if twice.any():
        one = rows["key"][twice].iloc[0]
        raise DataError(f"{name}: {twice.sum()} evaluation rows have the key of another, e.g. {one}")


def _refuse_other_truths(left: pd.Series[Any], right: pd.Series[Any], names: tuple[str, str]) -> None:
    one, other = left.to_numpy(), right.to_numpy()
    numbers = one.dtype.kind in "fiub" and other.dtype.kind in "fiub"
    differ = ~np.isclose(one, other, rtol=1e-9, atol=0, equal_nan=True) if numbers else one != other
    if differ.any():
        where = int(np.argmax(differ))
        raise DataError(
            f"{int(differ.sum())} of {len(one)} rows have other actual values: {left.index[where]} is "
            f"{one[where]} for {names[0]} and {other[where]} for {names[1]}. "
            "The data was corrected between them: judge both on one file with --data"
        )
