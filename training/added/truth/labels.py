"""Matches the cells of a label column with the classes of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.added.errors import AddError

__all__ = ["MOST_CLASSES", "classes_of", "codes_of", "name_of", "numbers_of"]

MOST_CLASSES = 1000
"""Above it, whole numbers are no numbers of classes."""
SHOWN = 5


def numbers_of(label: str, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """The label as numbers. Raises `AddError`."""
    numbers = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        raise AddError(
            f"--label: the column {label!r} has {cells[wrong].iloc[0]!r}; the model answers numbers. "
            "If it answers scores of classes, name them in their order with --labels"
        )
    found: npt.NDArray[np.float64] = numbers.to_numpy()
    return found


def codes_of(cells: pd.Series[Any]) -> npt.NDArray[np.int64] | None:
    """The label as numbers of classes from 0 on; None if it has anything else. False is 0, and true is 1."""
    if not (pd.api.types.is_numeric_dtype(cells) or set(map(type, cells.unique())) <= {bool, np.bool_}):
        return None
    numbers = cells.astype(np.float64).to_numpy()
    if not np.isin(numbers, np.arange(MOST_CLASSES)).all():
        return None
    return numbers.astype(np.int64)


def classes_of(label: str, cells: pd.Series[Any], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """The class of each row, by its name, else by its number from 0 on. Raises `AddError` for an unknown one."""
    places = {name: place for place, name in enumerate(names)}
    cells = cells.map(name_of)
    unknown: list[str] = []
    for spelled in (cells, cells.str.lower(), cells.replace({"True": "1", "False": "0"})):
        found = spelled.map(places)
        if found.notna().all():
            return found.to_numpy().astype(np.int64)
        unknown = unknown or sorted(set(cells[found.isna()]))
    numbers = pd.to_numeric(cells, errors="coerce")
    if numbers.isin(range(len(names))).all():
        return numbers.to_numpy().astype(np.int64)
    shown = ", ".join(map(repr, unknown[:SHOWN])) + (f" and {len(unknown) - SHOWN} more" * (len(unknown) > SHOWN))
    what = "which is not a class" if len(unknown) == 1 else "which are not classes"
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" * (len(names) > 20))
    raise AddError(
        f"--label: the column {label!r} has {shown}, {what} of the model; its classes are {listed}. "
        "Correct the cells, or name the classes in the order of the scores with --labels"
    )


def name_of(cell: Any) -> str:
    """The cell as the name of a class: a column of whole numbers with gaps was read as one with decimals."""
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        return str(int(cell))
    return str(cell).strip()
