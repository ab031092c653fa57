"""Columns of the tidy table that give the target away, found before a fit and refused by name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.data.few_columns import few_columns, parts_of
from training.errors import DataError
from training.fit.alone import (
    FEW_VALUES,
    LEAST_ROWS,
    classes_of,
    correlation,
    evenly_spread,
    numbers_the_rows,
    one_column_f1,
)
from training.fit.leakage import way_out
from training.recipe import Recipe

__all__ = ["Suspect", "refuse_leaks", "suspects", "told_alone"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

ALONE_AND_EVEN = 0.9
"""The macro-F1 from a column that is spread as evenly as row numbers. Sorted by class, such numbers predict it."""
FOLLOWS = 0.999
"""The correlation of a column with a target that is a quantity, from which on it is another form of the target.

Prices of other markets on the same day, for example, follow the target closely and are no leak.
"""


@dataclass(frozen=True)
class Suspect:
    """Columns that look like a leak, nearly always a single one, and why."""

    columns: tuple[str, ...]
    reason: str

    @property
    def named(self) -> str:
        """The columns, in words."""
        return f"column{'s' * (len(self.columns) > 1)} {' and '.join(map(repr, self.columns))}"

    def is_allowed(self, allowed: Sequence[str]) -> bool:
        """Whether every column was allowed by name."""
        return set(self.columns) <= set(allowed)


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
        if not suspect.is_allowed(allowed):
            raise DataError(f"{suspect.named} {suspect.reason}; {way_out(*suspect.columns)}")


def suspects(recipe: Recipe[Any], tidy: pd.DataFrame) -> Iterator[Suspect]:
    """Yield the columns that number the rows or alone predict the target implausibly well, then such a pair."""
    if len(tidy) < LEAST_ROWS:
        return
    target = tidy[recipe.target] if recipe.target in tidy.columns else None
    classes = None if target is None else classes_of(target)
    columns = [name for name in tidy.columns if name not in (recipe.time_column, recipe.target, *recipe.keys)]
    found = False
    for name in columns:
        column = tidy[name]
        reason = "is an identifier: it numbers the rows" if _numbers_rows(column) else ""
        if not reason and target is not None:
            reason = told_alone(column, target, classes, recipe.alone)
        if reason:
            found = True
            yield Suspect((str(name),), reason)
    if not found and target is not None and not recipe.series:
        yield from _pairs(recipe, tidy[columns], target, classes)


def told_alone(column: pd.Series[Any], target: pd.Series[Any], classes: Codes | None, most: float = 0.98) -> str:
    """How implausibly well one column predicts the target alone; empty if it does not.

    `classes` are those of the target, None for a quantity; `most` is the macro-F1 that is implausible.
    """
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
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


def _pairs(
    recipe: Recipe[Any], columns: pd.DataFrame, target: pd.Series[Any], classes: Codes | None
) -> Iterator[Suspect]:
    """Yield the pairs, or a single column, beside which the others are of little use.

    Of a table with texts nothing is said: what they tell is not known before a fit.
    """
    found = {str(name): _as_numbers(columns[name]) for name in columns}
    if any(values is None for values in found.values()):
        return
    numbers = pd.DataFrame(found).dropna(axis=1, how="all")
    if classes is None:
        if pd.api.types.is_numeric_dtype(target):
            for pair in parts_of(numbers, target.to_numpy(dtype=np.float64)):
                yield Suspect(pair, f"give {recipe.target!r} away: it is their weighted sum")
    elif math.isfinite(recipe.implausible):
        few = few_columns(numbers, classes)
        if few is not None:
            many = len(few.columns) > 1
            yield Suspect(
                few.columns,
                f"{'together predict' if many else 'alone predicts'} {recipe.target!r} implausibly well (macro-F1 "
                f"{few.score:.4f}; all the other columns together {few.others:.4f})",
            )


def _as_numbers(column: pd.Series[Any]) -> Floats | None:
    """A column for trees: categories as codes; None for texts."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64)
    codes, names = pd.factorize(column)
    if len(names) > FEW_VALUES:
        return None
    return np.where(codes < 0, np.nan, codes)


def _numbers_rows(column: pd.Series[Any]) -> bool:
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return number and numbers_the_rows(column.to_numpy(dtype=np.float64))
