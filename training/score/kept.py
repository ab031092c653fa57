"""Columns that are copied to the output: the type that holds every value of a column of text."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pyarrow as pa

__all__ = ["BOM", "TYPES", "KeptColumn", "csv_cell", "csv_cells", "json_members", "observer", "value_of"]

BOM = b"\xef\xbb\xbf"
TYPES: dict[str, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "json": pa.string(),
}
"""The kind of a kept column to its Arrow type. The kind `json` holds values of several types as JSON text."""
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
"""A whole number as programs write it. `007` and `+1` are text: as numbers they would lose characters."""
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
LARGEST = 2**63 - 1
EXACT = 2**53
"""A larger whole number is not always exact as a float."""


class KeptColumn:
    """Watches the values of one column; `kind` is the type that loses nothing of them."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()
        self._exact = True

    def see_cell(self, cell: str | None) -> None:
        """Take a CSV cell into account; None is an empty one."""
        if cell is None or "text" in self._kinds:
            return
        if WHOLE.fullmatch(cell):
            self._add(int(cell), "text")
        elif NUMBER.fullmatch(cell):
            self._add(float(cell), "text")
        else:
            self._kinds.add("text")

    def see_member(self, raw: bytes | None) -> None:
        """Take a member of a JSON line into account; None is a missing one."""
        if raw is None or "json" in self._kinds:
            return
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._kinds.add("json")
            return
        if value is not None:
            self._add(value, "json")

    def kind(self, mixed: str) -> str:
        """The key of `TYPES` for the column; `mixed` for values of several types."""
        if not self._kinds:
            return "text"
        if self._kinds == {"int", "float"}:
            return "float" if self._exact else mixed
        return mixed if len(self._kinds) > 1 else next(iter(self._kinds))

    def _add(self, value: Any, other: str) -> None:
        """Add the kind of a value, or `other` when no type of `TYPES` holds it."""
        if isinstance(value, bool):
            self._kinds.add("bool")
        elif isinstance(value, int) and abs(value) <= LARGEST:
            self._kinds.add("int")
            self._exact = self._exact and abs(value) <= EXACT
        elif isinstance(value, float) and math.isfinite(value):
            self._kinds.add("float")
        else:
            self._kinds.add("text" if isinstance(value, str) else other)


def observer(kind: str, columns: Sequence[str], kept: dict[str, KeptColumn]) -> Callable[[bytes], None]:
    """A function that shows each row of a text file to the columns to keep. `kind` is `csv` or `jsonl`."""
    if kind == "csv":
        places = [(columns.index(name), column) for name, column in kept.items()]

        def see_row(row: bytes) -> None:
            cells = csv_cells(row)
            for index, column in places:
                column.see_cell(csv_cell(cells, index))

        return see_row

    def see_line(line: bytes) -> None:
        members = json_members(line.removeprefix(BOM)) or {}
        for name, column in kept.items():
            raw = members.get(name)
            column.see_member(None if raw is None else bytes(raw))

    return see_line


def value_of(kind: str, text: str | None) -> Any:
    """A kept value from its text: a CSV cell, or the JSON text of a member."""
    if text is None or kind not in ("int", "float"):
        return text
    return int(text) if kind == "int" else float(text)


def csv_cells(row: bytes) -> list[str]:
    """The cells of a CSV row. Bytes that are not UTF-8 become surrogates; a row with a stray quote is one cell."""
    text = row.decode(errors="surrogateescape")
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return [text]


def csv_cell(cells: Sequence[str], index: int) -> str | None:
    """One cell as text that can be written; None when it is empty or missing."""
    cell = cells[index] if index < len(cells) else ""
    return cell.encode(errors="surrogateescape").decode(errors="replace") or None


def json_members(line: bytes) -> dict[str, msgspec.Raw] | None:
    """The members of a JSON line; None when it is not an object."""
    try:
        return msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
