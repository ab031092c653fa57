"""Answers as Arrow tables: one row for each row of the file, with nulls for rejected rows."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import DataError
from training.score.kept import TYPES
from training.score.question_file import QuestionFile, flat

__all__ = ["ROW", "VERSION", "schema", "table"]

ROW = "row"
VERSION = "model_version"
SCALARS: dict[str, pa.DataType] = {
    "IntType": pa.int64(),
    "FloatType": pa.float64(),
    "StrType": pa.string(),
    "BoolType": pa.bool_(),
    "DateType": pa.date32(),
    "DateTimeType": pa.timestamp("us", "UTC"),
}
BUILTIN = (datetime.date, datetime.datetime)


def schema(answer: type[msgspec.Struct], source: QuestionFile, keep: Sequence[str], form: str) -> pa.Schema:
    """The columns of the output: `row`, the kept columns, the answer's fields, `model_version`.

    A field without an equivalent Arrow type (a dictionary, a union of objects) becomes JSON text; in CSV, so does
    every list and object. `form` is the format of the output. Raises `DataError` for a duplicate name.
    """
    fields = [pa.field(ROW, pa.int64(), nullable=False), *_kept(source, keep, form)]
    for item in _fields(answer):
        text = form == "csv" and not flat(item.type)
        fields.append(pa.field(item.encode_name, (None if text else arrow_type(item.type)) or pa.string()))
    fields.append(pa.field(VERSION, pa.int64()))
    names = [field.name for field in fields]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{twice[0]!r} would occur twice in the output; rename it in the file, or drop its --keep")
    return pa.schema(fields)


def arrow_type(kind: Any) -> pa.DataType | None:
    """The Arrow type for a msgspec type description; None when there is none."""
    if isinstance(kind, msgspec.inspect.Metadata):
        return arrow_type(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        some = [option for option in kind.types if not isinstance(option, msgspec.inspect.NoneType)]
        return arrow_type(some[0]) if len(some) == 1 else None
    if isinstance(kind, msgspec.inspect.LiteralType):
        kinds = {type(value) for value in kind.values}
        return {str: pa.string(), int: pa.int64()}.get(kinds.pop()) if len(kinds) == 1 else None
    if isinstance(kind, (msgspec.inspect.ListType, msgspec.inspect.VarTupleType)):
        item = arrow_type(kind.item_type)
        return None if item is None else pa.list_(item)
    if isinstance(kind, msgspec.inspect.StructType) and kind.tag is None and not kind.array_like:
        inner = [(item.encode_name, arrow_type(item.type)) for item in kind.fields]
        return None if any(found is None for _, found in inner) else pa.struct(inner)
    return SCALARS.get(type(kind).__name__)


def table(
    columns: pa.Schema,
    answer: type[msgspec.Struct],
    first: int,
    count: int,
    answers: Mapping[int, Any],
    kept: Mapping[str, pa.Array],
    version: int,
) -> pa.Table:
    """The output for `count` rows, starting at row `first`. `answers` are by row number."""
    rows = range(first, first + count)
    plain = [_plain(answers[row]) if row in answers else {} for row in rows]
    arrays: dict[str, Any] = {ROW: pa.array(rows, pa.int64())}
    for name, array in kept.items():
        wanted = columns.field(name).type
        arrays[name] = array if array.type == wanted else pa.array(_json_texts(array.to_pylist()), wanted)
    for item in _fields(answer):
        values = [fields.get(item.encode_name) for fields in plain]
        wanted = columns.field(item.encode_name).type
        arrays[item.encode_name] = pa.array(
            values if arrow_type(item.type) == wanted else _json_texts(values), wanted
        )
    arrays[VERSION] = pa.array([version if row in answers else None for row in rows], pa.int64())
    return pa.table([arrays[name] for name in columns.names], schema=columns)


def _json_texts(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None else msgspec.json.encode(value).decode() for value in values]


@cache
def _fields(answer: type[msgspec.Struct]) -> Sequence[Any]:
    """msgspec's descriptions of the answer's fields."""
    return tuple(cast(Any, msgspec.inspect.type_info(answer)).fields)


def _plain(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = _finite(msgspec.to_builtins(answer, builtin_types=BUILTIN, str_keys=True))
    return found


def _finite(value: Any) -> Any:
    """The value with None for NaN and infinities, as in the answers over HTTP."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _kept(source: QuestionFile, keep: Sequence[str], form: str) -> list[pa.Field]:
    if source.format != "parquet":
        return [pa.field(name, TYPES[source.kept[name]]) for name in keep]
    types = {name: pq.read_schema(source.path).field(name).type for name in keep}
    as_text = {name: form == "csv" and pa.types.is_nested(kind) for name, kind in types.items()}
    return [pa.field(name, pa.string() if as_text[name] else kind) for name, kind in types.items()]
