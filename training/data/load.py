"""The first step of a training: the raw table, from where the request says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.data import read
from training.data.notation import Notation
from training.data.storage import local_copies
from training.errors import DataError
from training.recipe import Dataset, Recipe

__all__ = ["load"]


def load(
    recipe: Recipe[Any],
    paths: Sequence[Path | str] = (),
    query: str = "",
    dsn: str = "",
    seed: int = 7,
    select: Mapping[str, str] | None = None,
) -> Dataset:
    """Load the files, or run the query, or generate the data when neither is given.

    Of the options `select`, it takes those on notation. Raises `DataError`.
    """
    told = Notation.of(select or {})
    if paths and query:
        raise DataError("both files and a query were given; give one of them")
    if paths:
        with local_copies(paths) as local:
            if recipe.tables:
                return read.from_tables(local, recipe.tables, recipe.join, told)
            return read.from_files(local, recipe.columns, recipe.file_column, told)
    if query:
        return read.from_query(dsn, query, told)
    return read.from_generator(recipe.generate(seed), recipe.app.name)
