"""Columns of the tidy table that give the target away, found before a fit and refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.errors import DataError
from training.fit.alone import (
    LEAST_ROWS,
    classes_of,
    correlation,
    evenly_spread,
    numbers_the_rows,
    one_column_f1,
)
from training.fit.leakage import way_out
from training.recipe import Recipe

__all__ = ["ALONE", "Suspect", "refuse_leaks", "suspects", "told_alone"]

ALONE = 0.98
"""The macro-F1 from one column alone that is implausibly good. The best of the real sets is 0.964, of `http`."""
ALONE_AND_EVEN = 0.9
"""The same for a column that is spread as evenly as row numbers. Sorted by class, such numbers predict it."""
FOLLOWS = 0.999
"""The correlation of a column with a target that is a quantity, from which on it is another form of the target.

Prices of other markets on the same day, for example, follow the target closely and are no leak.
"""


@dataclass(frozen=True)
class Suspect:
    """A column that looks like a leak, and why."""

    column: str
    reason: str


def refuse_leaks(recipe: Recipe[Any], tidy: pd.DataFrame, allowed: Sequence[str] = ()) -> None:
    """Refuse columns that leak the target, except those in `allowed` that only look as if they did.

    Columns that the recipe forbids and copies of the target are always refused. Raises `DataError`, also for an
    allowed column that does not exist.
    """
    joined = tidy.attrs.get("joined", ())
    unknown = [n for n in allowed if n not in {*map(str, tidy.columns), *joined, *recipe.app.feature_names}]
    if unknown:
        known = ", ".join(map(str, tidy.columns))
        raise DataError(f"--allow-column {unknown[0]}: there is no such column; the table has: {known}")
    present = [name for name in recipe.forbidden if name in tidy.columns]
    if present:
        raise DataError(f"column {present[0]!r} leaks the target: {recipe.app.name} forbids it; drop it in tidy()")
    for name in tidy.columns:
        if name in (recipe.time_column, recipe.target) or recipe.target not in tidy.columns:
            continue
        if len(tidy) >= LEAST_ROWS and tidy[name].equals(tidy[recipe.target]):
            raise DataError(
                f"column {name!r} leaks the target: it equals {recipe.target!r} in every row; drop it in tidy()"
            )
    for suspect in suspects(recipe, tidy):
        if suspect.column not in allowed:
            raise DataError(f"column {suspect.column!r} {suspect.reason}; {way_out(suspect.column)}")


def suspects(recipe: Recipe[Any], tidy: pd.DataFrame) -> Iterator[Suspect]:
    """Yield the columns that number the rows or alone predict the target implausibly well."""
    if len(tidy) < LEAST_ROWS:
        return
    target = tidy[recipe.target] if recipe.target in tidy.columns else None
    classes = None if target is None else classes_of(target)
    for name in tidy.columns:
        if name in (recipe.time_column, recipe.target, *recipe.keys):
            continue
        if _is_number(tidy[name]) and numbers_the_rows(tidy[name].to_numpy(dtype=np.float64)):
            yield Suspect(str(name), "is an identifier: it numbers the rows")
        elif target is not None and (reason := told_alone(tidy[name], target, classes)):
            yield Suspect(str(name), reason)


def told_alone(
    column: pd.Series[Any], target: pd.Series[Any], classes: npt.NDArray[np.intp] | None, most: float = ALONE
) -> str:
    """How implausibly well one column predicts the target alone; empty if it does not.

    `classes` are those of the target, None for a quantity; `most` is the macro-F1 that is implausible.
    """
    number = _is_number(column)
    if classes is not None:
        score = one_column_f1(column, classes)
        if score >= most:
            return f"alone predicts {target.name!r} implausibly well (macro-F1 {score:.4f})"
        if score >= ALONE_AND_EVEN and number and evenly_spread(column.to_numpy(dtype=np.float64)):
            return (
                "looks like row numbers with noise: it is spread as evenly and alone predicts "
                f"{target.name!r} (macro-F1 {score:.4f})"
            )
    elif number and pd.api.types.is_numeric_dtype(target):
        follows = correlation(column.to_numpy(dtype=np.float64), target.to_numpy(dtype=np.float64))
        if follows >= FOLLOWS:
            return f"alone gives {target.name!r} away (correlation {follows:.4f})"
    return ""


def _is_number(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))
