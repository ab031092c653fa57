"""Decode a block of the file into questions, a batch of rows at a time. Invalid rows become rejections."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from serving.kernel.errors import ClientError, Invalid
from serving.kernel.json_text import decode_json
from training.score.kept import BOM, TYPES, csv_cell, csv_cells, json_members, value_of
from training.score.question_file import Block, QuestionFile, fields_among, raw_rows
from training.score.table_rows import TableRow

__all__ = ["Reject", "Rows", "read_block", "reject"]

LOOKED_INTO = (dict, list, float)
ENCODER = msgspec.json.Encoder(decimal_format="number")


class Reject(msgspec.Struct, frozen=True):
    """Why a row has no answer."""

    row: int
    """The number of the row in the file, from 0; blank lines do not count."""
    field: str
    """JSON path in the question `$`; empty when the row as a whole is invalid."""
    reason: str
    """The reason that the HTTP API would give."""


@dataclass(slots=True)
class Rows:
    """`count` consecutive rows of the file."""

    first: int
    """The number of the first row."""
    questions: dict[int, Any]
    """Questions by row number, without the rejected rows."""
    rejects: list[Reject]
    kept: dict[str, pa.Array]
    """The columns to copy to the output."""
    count: int


def read_block(
    source: QuestionFile, block: Block, question: type[msgspec.Struct], keep: Sequence[str], size: int
) -> Iterator[Rows]:
    """The rows of a block, at most `size` at a time. Raises `OSError`, `pyarrow.ArrowInvalid`."""
    if source.format == "parquet":
        yield from _parquet(source, block, question, keep, size)
        return
    reader: Any = _Csv(source, question) if source.format == "csv" else _Jsonl(source, question)
    with Path(source.path).open("rb") as stream:
        stream.seek(block.start)
        found = reader.rows(stream.read(block.extent))
    first = block.first
    while batch := list(islice(found, size)):
        yield _rows(first, [reader.decode(row) for row in batch], _kept(source, reader, batch))
        first += len(batch)


def reject(row: int, error: ClientError) -> Reject:
    """The rejection for an error of the API."""
    if isinstance(error, Invalid):
        return Reject(row, error.field, error.reason)
    return Reject(row, "", error.message.removeprefix("$: "))


Decoded = Any
"""A question, or the `ClientError` for an invalid row."""


class _Jsonl:
    """Reads JSON lines. Each line is one element of a request's `instances`."""

    def __init__(self, source: QuestionFile, question: type[msgspec.Struct]) -> None:
        self._decoder = msgspec.json.Decoder(question)
        self._kinds = source.kept
        fields = {item.encode_name for item in msgspec.structs.fields(question)}
        self._aside = [name for name in source.kept if name not in fields]

    def rows(self, raw: bytes) -> Iterator[bytes]:
        """Lines that are not blank."""
        return (line for line in raw.removeprefix(BOM).split(b"\n") if line.strip())

    def decode(self, line: bytes) -> Decoded:
        """The question of a line."""
        if self._aside:
            # Kept columns that are not fields of the question are removed; the decoder judges the rest.
            if (found := json_members(line)) is not None:
                line = ENCODER.encode({k: value for k, value in found.items() if k not in self._aside})
        return _decoded(self._decoder, line)

    def value(self, line: bytes, name: str) -> Any:
        """One member of a line to keep; JSON text when the column has values of several types."""
        raw = (json_members(line) or {}).get(name)
        if raw is None or bytes(raw) == b"null":
            return None
        kind = self._kinds[name]
        if kind == "json":
            return bytes(raw).decode(errors="replace")
        value = msgspec.json.decode(raw)
        return float(value) if kind == "float" else value


class _Csv:
    """Reads CSV. Numbers and booleans are parsed from the text of a cell; an empty cell is a missing field."""

    def __init__(self, source: QuestionFile, question: type[msgspec.Struct]) -> None:
        self._decoder = msgspec.json.Decoder(question, strict=False)
        self._columns, self._kinds = source.columns, source.kept
        self._row = TableRow(self._decoder, source.members) if source.members is not None else None
        fields = fields_among(source.columns, "csv", question, source.members)
        self._used = [(index, name) for index, name in enumerate(source.columns) if name in fields]

    def rows(self, raw: bytes) -> Iterator[list[str]]:
        """Rows that are not blank. Bytes that are not UTF-8 become surrogates, which the decoder refuses."""
        for row in raw_rows(io.BytesIO(raw), quoted=True):
            if row.strip():
                yield csv_cells(row)

    def decode(self, cells: list[str]) -> Decoded:
        """The question of a row."""
        if len(cells) != len(self._columns):
            return Invalid("", f"{len(cells)} cells, but the header has {len(self._columns)}")
        given = {name: cells[index] for index, name in self._used if cells[index] != ""}
        if self._row is not None:
            return self._row.question(dict(zip(self._columns, cells, strict=True)), given)
        try:
            raw = ENCODER.encode(given)
        except UnicodeEncodeError:
            return Invalid("", "not UTF-8 text")
        return _decoded(self._decoder, raw)

    def value(self, cells: list[str], name: str) -> Any:
        """One cell to keep."""
        return value_of(self._kinds[name], csv_cell(cells, self._columns.index(name)))


def _parquet(
    source: QuestionFile, block: Block, question: type[msgspec.Struct], keep: Sequence[str], size: int
) -> Iterator[Rows]:
    decoder = msgspec.json.Decoder(question)
    fields = fields_among(source.columns, "parquet", question, source.members)
    members = source.members.columns if source.members is not None else ()
    table_row = TableRow(decoder, source.members) if source.members is not None else None
    columns = list(dict.fromkeys([*fields, *members, *keep]))
    at, stop = 0, block.extent + block.rows
    # Read in batches and without read-ahead: a row group may be larger than memory.
    with pq.ParquetFile(source.path, pre_buffer=False, buffer_size=2**20) as file:
        for batch in file.iter_batches(size, row_groups=[block.start], columns=columns, use_threads=False):
            low, high = max(at, block.extent), min(at + batch.num_rows, stop)
            if low < high:
                part = batch.slice(low - at, high - low)
                rows = part.select([*fields, *members]).to_pylist()
                if table_row is None:
                    decoded = [_decoded(decoder, ENCODER.encode(_given(row))) for row in rows]
                else:
                    decoded = [
                        table_row.question(row, _given({name: row[name] for name in fields})) for row in rows
                    ]
                kept = {name: part.column(name) for name in keep}
                yield _rows(block.first + low - block.extent, decoded, kept)
            at += batch.num_rows
            if at >= stop:
                return


def _given(value: Any) -> Any:
    """The value without null members, which stand for missing fields: a Parquet column has a value in every row.

    NaN is a missing number, as in pandas. Infinity becomes text, which the decoder refuses: JSON has no infinity.
    """
    if isinstance(value, dict):
        # Most values are plain, so they are tested here, which is faster than a call for each.
        given = {name: _given(item) if type(item) in LOOKED_INTO else item for name, item in value.items()}
        return {name: item for name, item in given.items() if item is not None}
    if isinstance(value, list):
        return [_given(item) if type(item) in LOOKED_INTO else item for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity"
    return value


def _decoded(decoder: msgspec.json.Decoder[Any], raw: bytes) -> Decoded:
    try:
        return decode_json(decoder, raw)
    except ClientError as error:
        return error


def _kept(source: QuestionFile, reader: Any, batch: Sequence[Any]) -> dict[str, pa.Array]:
    return {
        name: pa.array([reader.value(row, name) for row in batch], TYPES[kind])
        for name, kind in source.kept.items()
    }


def _rows(first: int, decoded: Sequence[Decoded], kept: dict[str, pa.Array]) -> Rows:
    numbered = list(enumerate(decoded, first))
    return Rows(
        first,
        {row: found for row, found in numbered if not isinstance(found, ClientError)},
        [reject(row, found) for row, found in numbered if isinstance(found, ClientError)],
        kept,
        len(decoded),
    )
