"""The table that trained an app, in the ways that only a training reads: made a Parquet file to be scored."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from training import find_recipe
from training.data.notation import Notation, delimiter_of, named_delimiter
from training.data.read import from_files
from training.score.parts import written
from training.score.question_file import FORMATS, columns_of

__all__ = ["as_parquet", "why_no_question"]

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
        f"a row of a table that trains {recipe.app.name} is no question: {recipe.question_needs}. Give a file of "
        "questions, as training/score/README.md describes it"
    )


def _is_plain(path: Path) -> bool:
    kind = FORMATS.get(path.suffix.lower(), "")
    if kind != "csv":
        return bool(kind)
    with path.open("rb") as stream:
        text = stream.read(LOOKED_AT).decode("utf-8-sig", "replace")
    return named_delimiter(text) == ("", 0) and delimiter_of(text) == ","
