"""Columns of a table as Python source: fields of the question, their ranges, and example values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from control.new.from_file.columns import Column

__all__ = [
    "bounds",
    "example",
    "field",
    "literal_names",
    "number_table",
    "quoted",
    "safe",
    "tuple_of",
]

LONGEST_NAME = 40
DIGITS = 3
MISSING = 0.05
"""The share of missing values in the synthetic data of a column that has some."""


def quoted(value: Any) -> str:
    """A text, number, list or dictionary of texts as Python source with double quotes."""
    return json.dumps(value, ensure_ascii=False)


def safe(text: str) -> str:
    """A name from the file as it may stand in a docstring or a table of Markdown."""
    kept = "".join(letter if letter.isalnum() or letter in " ._()-?%/,+€°" else "_" for letter in text)
    return kept[:LONGEST_NAME].strip() or "_"


def tuple_of(items: Iterable[str]) -> str:
    """A tuple of texts as Python source."""
    found = [quoted(item) for item in items]
    return f"({', '.join(found)}{',' if len(found) == 1 else ''})"


def bounds(column: Column) -> tuple[float, float]:
    """The range of a field: that of the file, a span wider on both sides, on the same side of 0."""
    span = column.high - column.low
    low, high = column.low - span, column.high + span
    low = max(low, 0.0) if column.low >= 0 else low
    high = min(high, 0.0) if column.high <= 0 else high
    if column.type == "int":
        return int(low), int(high)
    return _outward(low, math.floor), _outward(high, math.ceil)


def literal_names(columns: Sequence[Column]) -> dict[str, str]:
    """The name of the type of each category's values, by field."""
    found: dict[str, str] = {}
    for column in columns:
        base = "".join(word[:1].upper() + word[1:] for word in column.field.split("_")) + "Value"
        name, number = base, 2
        while name in found.values():
            name, number = f"{base}{number}", number + 1
        found[column.field] = name
    return found


def field(column: Column, literals: dict[str, str]) -> str:
    """One field of the question."""
    if column.role == "category":
        kind = f"Annotated[{literals[column.field]}, Meta(description={quoted(_described(column))})]"
    elif column.type == "bool":
        kind = f"Annotated[bool, Meta(description={quoted(_described(column))})]"
    else:
        low, high = bounds(column)
        kind = f"Annotated[{column.type}, Meta(ge={low!r}, le={high!r}, description={quoted(_described(column))})]"
    return f"    {column.field}: {kind}{' | None = None' if column.missing else ''}"


def example(column: Column, share: float = 0.5) -> Any:
    """A value of the column, `share` of the way from the lowest to the highest."""
    if column.role == "category":
        return column.values[min(len(column.values) - 1, int(share * len(column.values)))]
    value = column.low + share * (column.high - column.low)
    if column.type == "bool":
        return value >= 0.5
    return round(value) if column.type == "int" else float(f"{value:.4g}")


def number_table(columns: Sequence[Column]) -> str:
    """Name in the file -> range, type and share of missing values, as the synthetic data need it."""
    rows = [
        f"    {quoted(column.name)}: ({column.low!r}, {column.high!r}, {column.type}, {_holes(column)}),"
        for column in columns
    ]
    return "\n".join(["{", *rows, "}"]) if rows else "{}"


def _holes(column: Column) -> float:
    return MISSING if column.missing else 0.0


def _described(column: Column) -> str:
    if column.role == "category":
        return f"{safe(column.name)}: one of the categories of the file."
    if column.type == "bool":
        return f"{safe(column.name)}."
    return f"{safe(column.name)}: {column.low:.6g} to {column.high:.6g} in the file; unit unknown."


def _outward(value: float, rounded: Any) -> float:
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - DIGITS + 1)
    return float(f"{rounded(value / step) * step:.{DIGITS}g}")
