"""Validation: the tidy table against the recipe's schema, and leaks before a fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from training.data.leaks import refuse_leaks
from training.data.notation import advice
from training.data.read import ROW, file_and_row
from training.errors import BadValue, DataError
from training.recipe import Dataset, Recipe, RecipeOptions

__all__ = ["tidied", "validate"]

SHOWN = 10


def tidied(recipe: Recipe[Any], dataset: Dataset, options: RecipeOptions) -> pd.DataFrame:
    """The recipe's tidy table. Raises `DataError` with file, row, column and value."""
    try:
        return recipe.tidy(dataset.frame, options)
    except BadValue as bad:
        raise DataError(f"{file_and_row(dataset, bad.row)}, {bad.cell}{advice(bad.found)}") from bad


def validate(
    recipe: Recipe[Any], tidy: pd.DataFrame, dataset: Dataset, allowed: Sequence[str] = ()
) -> pd.DataFrame:
    """The tidy table, converted to the schema's types. Columns in `allowed` may look like leaks.

    Raises `DataError` with the number of failures, and file, row, value and rule of the first ones.
    """
    import pandera.errors

    if tidy.empty:
        raise DataError(f"{dataset.source}: no rows are left after tidy(); check --data and the selection")
    refuse_leaks(recipe, tidy, allowed)
    try:
        return recipe.schema.validate(tidy, lazy=True)
    except pandera.errors.SchemaErrors as cause:
        lines = [_describe(case, tidy, dataset) for case in cause.failure_cases.to_dict("records")]
        more = f"\n... and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        shown = "\n".join(lines[:SHOWN])
        raise DataError(f"{len(lines)} values break the rules of {recipe.app.name}:\n{shown}{more}") from cause


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
