"""The known answers of a sample, taken out of it, with the columns that split its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.added.errors import AddError
from training.data.leaks import told_alone
from training.fit.alone import LEAST_ROWS, classes_of
from training.recipe import Dataset

__all__ = ["Truth", "take_truth"]

MOST_ROWS = 20_000
"""Of larger samples, rows at equal distances show which columns give the label away."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The label of each row of a sample, and what splits the rows; everything in the order of the sample."""

    label: str
    """The column that has the known answers."""
    cells: pd.Series[Any]
    """Its cells; none is empty."""
    keys: npt.NDArray[np.object_]
    """What identifies each row: a digest of its cells without the label. Equal rows have equal keys."""
    time: str = ""
    times: npt.NDArray[np.int64] | None = None
    """The place of each row's time among all different times, from 0."""
    group: str = ""
    groups: npt.NDArray[np.object_] | None = None
    source: str = ""
    """The name of the file."""
    sha256: str = ""
    dropped: int = 0
    """Rows without a label, which are left out."""
    telling: Mapping[str, str] = field(default_factory=dict)
    """Columns that alone predict the label implausibly well, and how well."""

    @property
    def aside(self) -> tuple[str, ...]:
        """The columns that split the rows."""
        return tuple(filter(None, (self.time, self.group)))


def take_truth(dataset: Dataset, label: str, time: str = "", group: str = "") -> tuple[pd.DataFrame, Truth]:
    """The sample without its label and without rows that have none, and the labels. Raises `AddError`."""
    frame = dataset.frame
    for option, name in (("--label", label), ("--time", time), ("--group", group)):
        if name and name not in frame.columns:
            raise AddError(f"{option}: the sample has no column {name!r}; it has {_listed(frame.columns)}")
    if label in (time, group):
        raise AddError(f"--label: {label!r} has the known answers and cannot split the rows too")
    known = frame[label].notna()
    if not known.any():
        raise AddError(f"--label: the column {label!r} is empty")
    frame = frame[known].reset_index(drop=True)
    rest = frame.drop(columns=label)
    truth = Truth(
        label=label,
        cells=frame[label].astype(object) if frame[label].dtype == "category" else frame[label],
        keys=_keys(rest),
        time=time,
        times=_places(time, frame[time]) if time else None,
        group=group,
        groups=_filled("--group", group, frame[group]).astype(str).to_numpy(object) if group else None,
        source=dataset.source,
        sha256=dataset.sha256,
        dropped=int((~known).sum()),
        telling=_telling(rest.drop(columns=[name for name in (time, group) if name]), frame[label]),
    )
    return rest, truth


def _telling(columns: pd.DataFrame, label: pd.Series[Any]) -> dict[str, str]:
    """The columns that give the label away, as in the training of an app; cells with lists are left out."""
    step = -(-len(columns) // MOST_ROWS)
    target = label.iloc[::step]
    if len(target) < LEAST_ROWS:
        return {}
    classes, found = classes_of(target), {}
    for name in columns:
        cells = columns[name].iloc[::step]
        if cells.dtype != object or all(isinstance(cell, str) for cell in cells):
            found[str(name)] = told_alone(cells, target, classes)
    return {name: reason for name, reason in found.items() if reason}


def _places(name: str, cells: pd.Series[Any]) -> npt.NDArray[np.int64]:
    cells = _filled("--time", name, cells)
    if not (pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_datetime64_any_dtype(cells)):
        read = pd.to_datetime(cells, errors="coerce", format="ISO8601")
        if read.isna().any():
            raise AddError(
                f"--time: the column {name!r} has {cells[read.isna()].iloc[0]!r}; "
                "it must have numbers, or dates such as 2024-05-31"
            )
        cells = read
    return cells.rank(method="dense").to_numpy().astype(np.int64) - 1


def _filled(option: str, name: str, cells: pd.Series[Any]) -> pd.Series[Any]:
    if empty := int(cells.isna().sum()):
        raise AddError(f"{option}: {empty} labelled rows have an empty {name!r}; fill them or leave the rows out")
    return cells


def _keys(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    """A digest of each row. Whole numbers and decimals are alike: a gap in a column changes its type."""
    plain = {str(name): _comparable(frame[name]) for name in sorted(frame.columns, key=str)}
    if not plain:
        return np.full(len(frame), "", object)
    table = pd.DataFrame(plain)
    columns = hashlib.sha256("\n".join(plain).encode()).hexdigest()[:8]
    hashes = pd.util.hash_pandas_object(table, index=False)
    return np.array([f"{columns}{number:016x}" for number in hashes], object)


def _comparable(cells: pd.Series[Any]) -> pd.Series[Any]:
    if pd.api.types.is_numeric_dtype(cells):
        return cells.astype(np.float64)
    if cells.dtype == object:
        return cells.map(lambda cell: cell if isinstance(cell, str) else str(np.asarray(cell).tolist()))
    return cells


def _listed(names: Iterable[object]) -> str:
    every = [str(name) for name in names]
    return ", ".join(every[:12]) + (f" and {len(every) - 12} more" if len(every) > 12 else "")
