"""The steps that need no registry: load, validate, split. A wrong file is refused before anything is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from training.data import split
from training.data.load import load
from training.data.suspicions import suspicions
from training.data.validate import tidied, validate
from training.progress import Progress
from training.recipe import Dataset, Recipe, RecipeOptions, Split

__all__ = ["Prepared", "prepare", "unused_columns"]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A valid table and its parts."""

    dataset: Dataset
    tidy: pd.DataFrame
    parts: Split
    notes: tuple[str, ...] = ()
    """Sentences on the data: how it was read, what is not used of it, and what looks wrong."""


def prepare(
    recipe: Recipe[Any],
    paths: Sequence[Path | str],
    query: str,
    dsn: str,
    options: RecipeOptions,
    progress: Progress,
) -> Prepared:
    """Load, validate and split the data, and tell `progress` what is worth a note. Raises `DataError`."""
    with progress.step("load"):
        dataset = load(recipe, paths, query, dsn, options.seed, options.select)
        notes = list(dataset.notes)
        for text in notes:
            progress.log(text)
    with progress.step("validate"):
        made = tidied(recipe, dataset, options)
        more = [*_unused_note(made, dataset), *made.attrs.get("notes", ())]
        tidy = validate(recipe, made, dataset, options.allowed)
        if not dataset.synthetic:
            more += suspicions(recipe, tidy, dataset)
        for text in more:
            progress.log(text)
    with progress.step("split"):
        parts = split.check(recipe.split(tidy), recipe.time_column)
    return Prepared(dataset=dataset, tidy=tidy, parts=parts, notes=(*notes, *more))


def unused_columns(tidy: pd.DataFrame, raw: pd.DataFrame) -> list[str]:
    """The columns of the loaded table that the tidy table was made without."""
    listed = tidy.attrs.get("unused")
    if listed is None:
        listed = [name for name in raw.columns if name not in tidy.columns]
    return [str(name) for name in listed]


def _unused_note(tidy: pd.DataFrame, dataset: Dataset) -> list[str]:
    names = unused_columns(tidy, dataset.frame)
    return [f"not used of {dataset.source}: {', '.join(names)}"] if names else []
