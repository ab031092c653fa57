"""Validation: the tidy table against the recipe's schema, and leaks that show before a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from training.data.notation import advice
from training.data.read import ROW, file_and_row
from training.errors import BadValue, DataError
from training.fit.leakage import LEAST_ROWS
from training.recipe import Dataset, Recipe, RecipeOptions

__all__ = ["refuse_leaks", "tidied", "validate"]

SHOWN = 10


def tidied(recipe: Recipe[Any], dataset: Dataset, options: RecipeOptions) -> pd.DataFrame:
    """The recipe's tidy table. Raises `DataError` with file, row, column and value."""
    try:
        return recipe.tidy(dataset.frame, options)
    except BadValue as bad:
        raise DataError(f"{file_and_row(dataset, bad.row)}, {bad.cell}{advice(bad.found)}") from bad


def validate(recipe: Recipe[Any], tidy: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The tidy table, converted to the schema's types.

    Raises `DataError` with the number of failures, and file, row, value and rule of the first ones.
    """
    import pandera.errors

    if tidy.empty:
        raise DataError(f"{dataset.source}: no rows are left after tidy(); check --data and the selection")
    refuse_leaks(recipe, tidy)
    try:
        return recipe.schema.validate(tidy, lazy=True)
    except pandera.errors.SchemaErrors as cause:
        lines = [_describe(case, tidy, dataset) for case in cause.failure_cases.to_dict("records")]
        more = f"\n... and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        shown = "\n".join(lines[:SHOWN])
        raise DataError(f"{len(lines)} values break the rules of {recipe.app.name}:\n{shown}{more}") from cause


def refuse_leaks(recipe: Recipe[Any], tidy: pd.DataFrame) -> None:
    """Refuse columns that leak the target: forbidden columns, copies of the target, row counters."""
    present = [name for name in recipe.forbidden if name in tidy.columns]
    if present:
        raise DataError(f"column {present[0]!r} leaks the target: {recipe.app.name} forbids it; drop it in tidy()")
    for name in tidy.columns:
        if name in (recipe.time_column, recipe.target):
            continue
        if recipe.target in tidy.columns and _equal(tidy[name], tidy[recipe.target]):
            raise DataError(
                f"column {name!r} leaks the target: it equals {recipe.target!r} in every row; drop it in tidy()"
            )
        if _counts(tidy[name]):
            raise DataError(f"column {name!r} is an identifier: it counts the rows; drop it in tidy()")


def _describe(case: dict[str, Any], tidy: pd.DataFrame, dataset: Dataset) -> str:
    column, rule, value = case["column"], case["check"], case["failure_case"]
    if rule == "column_in_dataframe":
        return f"{dataset.source}: column {value!r} is missing; add it to the data or in tidy()"
    if rule == "column_in_schema":
        return f"{dataset.source}: column {value!r} is unexpected; drop it in tidy()"
    label = case["index"]
    if label is None or pd.isna(label):
        return f"{dataset.source}: column {column!r}: found {value!r}; the rule is {rule}"
    where = file_and_row(dataset, int(label)) if tidy.index.name == ROW else f"row {label} of the tidy table"
    return f"{where}, column {column!r}: found {value!r}; the rule is {rule}"


def _equal(left: pd.Series[Any], right: pd.Series[Any]) -> bool:
    return len(left) >= LEAST_ROWS and bool(left.equals(right))


def _counts(column: pd.Series[Any]) -> bool:
    """Whether the values go up or down by one from row to row."""
    if len(column) < LEAST_ROWS or not pd.api.types.is_integer_dtype(column) or column.hasnans:
        return False
    steps = np.diff(column.to_numpy(dtype=np.int64))
    return bool((steps == 1).all() or (steps == -1).all())
