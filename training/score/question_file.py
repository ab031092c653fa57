"""The file of questions: its format, its columns, and its blocks."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import DataError
from training.recipe import QuestionColumns
from training.score.kept import BOM, KeptColumn, observer

__all__ = [
    "BLOCK_ROWS",
    "FORMATS",
    "Block",
    "QuestionFile",
    "columns_of",
    "fields_among",
    "flat",
    "format_of",
    "raw_rows",
    "read_header",
    "read_question_file",
]

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
BLOCK_ROWS = 20_000
"""Rows of a block. A killed run loses at most this many per worker."""
BLOCK_BYTES = 32 * 2**20
"""The size limit of a block of text, which is read into memory."""
SPLITS = 8
"""Most blocks of one Parquet row group. Each block reads the group from its start and drops the rows before it."""
LONGEST = 16 * 2**20
"""Most bytes of one row of text."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive rows that are scored and written together."""

    number: int
    first: int
    """The number of the first row in the file, from 0."""
    rows: int
    start: int
    """Parquet: the row group. Text: the offset of the first byte."""
    extent: int
    """Parquet: rows of the group before the block. Text: the length in bytes."""


class QuestionFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of questions, after one scan."""

    path: str
    format: str
    """`parquet`, `jsonl` or `csv`."""
    sha256: str
    rows: int
    columns: tuple[str, ...]
    """Empty for JSON lines, where every row names its own fields."""
    blocks: tuple[Block, ...]
    kept: dict[str, str] = {}
    """The columns to keep of a text file, and the kind of their values: a key of `kept.TYPES`."""
    members: QuestionColumns | None = None
    """The columns that make one field of the question; None when every column is a field."""
    left_out: tuple[str, ...] = ()
    """Columns of a training table that are neither used nor kept."""


def format_of(path: Path) -> str:
    """The format by the file's ending. Raises `DataError`."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise DataError(f"{path.name}: expected a file that ends in {', '.join(FORMATS)}") from None


def read_question_file(
    path: Path,
    question: type[msgspec.Struct],
    keep: Sequence[str],
    block_rows: int,
    members: QuestionColumns | None = None,
    name: str = "",
) -> QuestionFile:
    """Scan a file once, in bounded memory.

    `keep` are the columns to copy to the output; every other column must be a field of `question`. `members` says
    how a row of a training table is a question; such a table may have more columns, which are left out. `name` is
    what the user calls the file. Raises `DataError`, which names the file and the column or row.
    """
    name = name or path.name
    kind = format_of(path)
    kept = {name: KeptColumn() for name in keep} if kind != "parquet" else {}
    left_out: tuple[str, ...] = ()
    try:
        if kind == "parquet":
            with pq.ParquetFile(path) as file:
                columns = list(file.schema_arrow.names)
                blocks = _groups(file, block_rows)
            sha256 = _digest(path)
        else:
            columns = read_header(path) if kind == "csv" else []
            _check_names(name, kind, columns, keep)
            blocks, sha256 = _lines(path, kind, block_rows, observer(kind, columns, kept) if kept else None)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; check the path given with --data") from None
    except (OSError, pa.ArrowInvalid) as cause:
        raise DataError(f"{name}: cannot be read: {(str(cause) or 'no reason given').splitlines()[0]}") from cause
    if not blocks:
        raise DataError(f"{name}: the file has no rows; check the path given with --data")
    if kind == "jsonl" or (members is not None and members.field in {*columns} - {*members.columns}):
        members = None
    _check_names(name, kind, columns, keep)
    if members is not None:
        left_out = _check_table(name, kind, columns, question, keep, members)
    elif kind != "jsonl":
        _check_columns(name, kind, columns, question, keep)
    mixed = "text" if kind == "csv" else "json"
    return QuestionFile(
        path=str(path),
        format=kind,
        sha256=sha256,
        rows=blocks[-1].first + blocks[-1].rows,
        columns=tuple(columns),
        blocks=tuple(blocks),
        kept={name: column.kind(mixed) for name, column in kept.items()},
        members=members,
        left_out=left_out,
    )


def read_header(path: Path) -> list[str]:
    """The column names of a CSV file. Raises `DataError` when they are not UTF-8, and `OSError`."""
    with path.open("rb") as stream:
        try:
            first = next(raw_rows(stream, quoted=True), b"").removeprefix(BOM).decode()
        except UnicodeDecodeError as cause:
            raise DataError(f"{path.name}: row 1 is not UTF-8 text; save it as UTF-8 CSV") from cause
    return next(csv.reader([first]), [])


def columns_of(path: Path) -> list[str]:
    """The column names of a file; none for JSON lines, and for a file that cannot be read."""
    try:
        match FORMATS.get(path.suffix.lower()):
            case "parquet":
                return list(pq.read_schema(path).names)
            case "csv":
                return read_header(path)
    except (OSError, pa.ArrowInvalid):
        pass
    return []


def fields_among(
    columns: Sequence[str], kind: str, question: type[msgspec.Struct], members: QuestionColumns | None
) -> list[str]:
    """The columns that are fields of the question; in a training table without lists and objects, and members."""
    found = {item.encode_name: item for item in cast(Any, msgspec.inspect.type_info(question)).fields}
    if members is not None:
        others = {name: item for name, item in found.items() if name not in members.columns}
        found = {name: item for name, item in others.items() if kind == "parquet" or flat(item.type)}
    return [name for name in columns if name in found]


def flat(kind: Any) -> bool:
    """Whether a msgspec type description fits in one CSV cell: neither a list nor an object."""
    kind = getattr(kind, "type", kind) if isinstance(kind, msgspec.inspect.Metadata) else kind
    if isinstance(kind, msgspec.inspect.UnionType):
        return all(map(flat, kind.types))
    nested = ("item_type", "item_types", "fields", "value_type")
    return not any(hasattr(kind, name) for name in nested)


def _groups(file: pq.ParquetFile, block_rows: int) -> list[Block]:
    blocks: list[Block] = []
    first = 0
    for group in range(file.metadata.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        size = max(block_rows, -(-count // SPLITS))
        for skip in range(0, count, size):
            rows = min(size, count - skip)
            blocks.append(Block(number=len(blocks), first=first + skip, rows=rows, start=group, extent=skip))
        first += count
    return blocks


def _lines(
    path: Path, kind: str, block_rows: int, observe: Callable[[bytes], None] | None
) -> tuple[list[Block], str]:
    """The blocks of a text file, and the SHA-256 of its bytes. `observe` gets every row; blank lines are none."""
    blocks: list[Block] = []
    digest = hashlib.sha256()
    at = start = rows = first = 0
    header = kind == "csv"
    with path.open("rb") as stream:
        for row in raw_rows(stream, quoted=kind == "csv"):
            digest.update(row)
            at += len(row)
            if header and row.strip():
                header, start = False, at
                continue
            if row.strip():
                rows += 1
                if observe is not None:
                    observe(row)
            if rows == block_rows or (rows and at - start >= BLOCK_BYTES):
                blocks.append(Block(number=len(blocks), first=first, rows=rows, start=start, extent=at - start))
                start, first, rows = at, first + rows, 0
    if rows:
        blocks.append(Block(number=len(blocks), first=first, rows=rows, start=start, extent=at - start))
    return blocks, digest.hexdigest()


def raw_rows(stream: Any, quoted: bool) -> Iterator[bytes]:
    """Rows as bytes, with their line ends. When `quoted`, a line end between quotes does not end a row.

    Raises `DataError` for a row that is too long.
    """
    held: list[bytes] = []
    odd = size = 0
    while line := stream.readline(LONGEST + 1):
        odd ^= line.count(b'"') & 1 if quoted else 0
        held.append(line)
        size += len(line)
        if size > LONGEST:
            raise DataError(
                f"the row that starts with {held[0][:40]!r} has more than {LONGEST >> 20} MiB; is a quote missing?"
            )
        if not odd:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _check_names(name: str, kind: str, columns: Sequence[str], keep: Sequence[str]) -> None:
    if kind == "jsonl":
        return
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise DataError(f"{name}: column {twice[0]!r} occurs twice; rename one of them")
    missing = [column for column in keep if column not in columns]
    if missing:
        raise DataError(f"--keep {missing[0]}: {name} has no such column; its columns are: {', '.join(columns)}")


def _check_table(
    name: str,
    kind: str,
    columns: Sequence[str],
    question: type[msgspec.Struct],
    keep: Sequence[str],
    members: QuestionColumns,
) -> tuple[str, ...]:
    """Check a training table; returns the columns that are neither used nor kept. Raises `DataError`."""
    missing = [column for column in members.columns if column not in columns]
    if missing:
        raise DataError(
            f"{name}: column {missing[0]!r} is missing; the version was trained on it. If its values are unknown, "
            "add the column with empty cells"
        )
    used = {*members.columns, *fields_among(columns, kind, question, members), *keep}
    return tuple(column for column in columns if column not in used)


def _check_columns(
    name: str, kind: str, columns: Sequence[str], question: type[msgspec.Struct], keep: Sequence[str]
) -> None:
    fields = {item.encode_name: item for item in cast(Any, msgspec.inspect.type_info(question)).fields}
    unknown = [column for column in columns if column not in fields and column not in keep]
    if unknown:
        options = " ".join(f"--keep {column}" for column in unknown)
        raise DataError(
            f"{name}: column {', '.join(map(repr, unknown))} is not a field of the question "
            f"({', '.join(fields)}); rename or remove it, or copy it to the output: {options}"
        )
    missing = [column for column, item in fields.items() if item.required and column not in columns]
    nested = [column for column in fields if not flat(fields[column].type) and (column in {*columns, *missing})]
    if kind == "csv" and nested:
        raise DataError(
            f"{name}: column {nested[0]!r} holds lists or objects, which CSV cannot store; use Parquet or JSONL"
        )
    if missing:
        raise DataError(f"{name}: column {missing[0]!r} is missing; every question needs it")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
