"""The table that trained an app, in the ways that only a training reads: made a Parquet file to be scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from training import find_recipe
from training.data.notation import Notation, advice, delimiter_of, named_delimiter
from training.data.read import file_and_row, from_files
from training.errors import BadValue, DataError
from training.recipe import Recipe
from training.score.kept import TYPES, KeptColumn, value_of
from training.score.parts import written
from training.score.question_file import FORMATS, columns_of

__all__ = ["as_parquet", "as_questions", "why_no_question"]

LOOKED_AT = 2**20
"""Bytes of a CSV file that show its delimiter."""


def as_parquet(path: Path, made: Path, told: Notation) -> str:
    """Write the table to the file `made`, and return its digest; empty if scoring reads the file as it is.

    CSV with other delimiters or a decimal comma, compressed CSV, and NumPy's arrays are read as for a training,
    in memory. Raises `DataError`.
    """
    if not path.is_file() or (_is_plain(path) and told == Notation()):
        return ""
    dataset = from_files([path], told=told)
    frame = dataset.frame
    frame = frame.astype({name: "string" for name in frame if frame[name].dtype == object})
    with written(made) as stream:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), stream)
    return dataset.sha256


def as_questions(
    package: str, question: type[msgspec.Struct], path: Path, made: Path, told: Notation, keep: Sequence[str]
) -> str:
    """Write the questions of a training table, and the columns to keep, to the file `made`; returns its digest.

    Empty for a file of questions, and where the app does not make questions of rows. Raises `DataError`.
    """
    needed = {field.encode_name for field in msgspec.structs.fields(question) if field.required}
    if not path.is_file() or FORMATS.get(path.suffix.lower()) == "jsonl" or needed <= {*columns_of(path)}:
        return ""
    try:
        recipe = find_recipe.find(package)
    except find_recipe.RecipeError:
        return ""
    if type(recipe).row_questions is Recipe.row_questions:
        return ""
    dataset = from_files([path], recipe.columns, recipe.file_column, told)
    try:
        rows = msgspec.to_builtins(recipe.row_questions(dataset.frame))
    except BadValue as bad:
        raise DataError(f"{file_and_row(dataset, bad.row)}, {bad.cell}{advice(bad.found)}") from bad
    missing = [name for name in keep if name not in dataset.frame]
    if missing:
        raise DataError(f"--keep {missing[0]}: {path.name} has no such column")
    table = pa.Table.from_pylist(rows)
    for name in keep:
        table = table.append_column(name, _kept(dataset.frame[name]))
    with written(made) as stream:
        pq.write_table(table, stream)
    return dataset.sha256


def _kept(column: pd.Series[Any]) -> pa.Array:
    """A column to copy to the output; text that is all numbers becomes numbers, as from CSV."""
    if column.dtype != object:
        return pa.array(column, from_pandas=True)
    cells = [None if cell is None or cell != cell or cell == "" else str(cell) for cell in column]
    seen = KeptColumn()
    for cell in cells:
        seen.see_cell(cell)
    kind = seen.kind("text")
    return pa.array([value_of(kind, cell) for cell in cells], TYPES[kind])


def why_no_question(package: str, question: type[msgspec.Struct], path: Path) -> str:
    """What a row of the file lacks to be a question, where the file looks like a table that trains the app."""
    try:
        recipe = find_recipe.find(package)
    except find_recipe.RecipeError:
        return ""
    trained = {recipe.target, recipe.time_column, *recipe.forbidden, *recipe.schema.columns, *recipe.columns}
    asked = {field.encode_name for field in msgspec.structs.fields(question)}
    if not recipe.question_needs or not (trained - asked) & {*columns_of(path)}:
        return ""
    return (
        f"a row of a table that trains {recipe.app.name} is not a question: {recipe.question_needs}. Give a file "
        "of questions, as training/score/README.md describes it"
    )


def _is_plain(path: Path) -> bool:
    kind = FORMATS.get(path.suffix.lower(), "")
    if kind != "csv":
        return bool(kind)
    with path.open("rb") as stream:
        text = stream.read(LOOKED_AT).decode("utf-8-sig", "replace")
    return named_delimiter(text) == ("", 0) and delimiter_of(text) == ","
