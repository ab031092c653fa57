"""How a table writes its columns, numbers and dates: recognized where the text shows it, else told by options.

The options are `--decimal comma|point` and `--dates day-first|month-first`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pandas as pd

from training.errors import DataError

__all__ = [
    "READING",
    "Notation",
    "advice",
    "decimal_of",
    "delimiter_of",
    "named_delimiter",
    "with_dates",
    "with_numbers",
]

READING = ("decimal", "dates")
"""Names of the options, which every app has."""
DECIMALS = {"": "", "comma": ",", "point": "."}
ORDERS = ("", "day-first", "month-first")
DELIMITERS = (",", ";", "\t", "|")
NAMED = re.compile(r"""["']?sep=([^"'\r\n])["']?[,;\t]*\r?\n""", re.IGNORECASE)
"""The first line that tells Excel the delimiter; other programs write it with the delimiters of empty cells."""
LOOKED_AT = 5
"""Rows that must have the same number of columns for a delimiter to be recognized."""
SAMPLE = 50
"""Cells that are looked at before a whole column is."""

NUMERIC = re.compile(r"[+-]?[\d.,]*\d")
ONLY_COMMA = re.compile(r"[+-]?(\d+,(\d{1,2}|\d{4,})|0,\d+|\d{4,},\d+|\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,})")
"""Numbers that make sense only with a decimal comma."""
ONLY_POINT = re.compile(
    r"[+-]?(\d+\.(\d{1,2}|\d{4,})|0\.\d+|\d{4,}\.\d+|\d{1,3}(,\d{2,3})+\.\d+|\d{1,3}(,\d{2,3})+,\d{3})"
)
EITHER = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")
"""Numbers such as 1,234, which is one and a bit or more than a thousand."""
PLAIN = {".": r"[+-]?\d+(?:\.\d+)?", ",": r"[+-]?\d+(?:,\d+)?"}
GROUPED = {
    ".": r"[+-]?\d{1,3}(?:[,'\u00a0\u202f]\d{2,3})*[,'\u00a0\u202f]\d{3}(?:\.\d+)?",
    ",": r"[+-]?\d{1,3}(?:[.'\u00a0\u202f]\d{3})+(?:,\d+)?",
}
"""By decimal mark: thousands (1,234,567) and, with a point, lakh and crore (12,34,567)."""
BETWEEN = {".": r"[,'\u00a0\u202f]", ",": r"[.'\u00a0\u202f]"}
NUMBERED = r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?: (\d{1,2})(:\d{2}(?::\d{2})?))?"
"""Day and month by their numbers, then the year, perhaps with a time."""
STAMPED = r"(\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?) ?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?"
"""ISO 8601, perhaps with a time zone."""


@dataclass(frozen=True)
class Notation:
    """What the options say; an empty text where they say nothing."""

    decimal: str = ""
    """`,` or `.`"""
    dates: str = ""

    @classmethod
    def of(cls, select: Mapping[str, str]) -> Notation:
        """Read the options. Raises `DataError`."""
        decimal, order = select.get("decimal", ""), select.get("dates", "")
        if decimal not in DECIMALS:
            raise DataError(f"--decimal {decimal}: expected comma or point")
        if order not in ORDERS:
            raise DataError(f"--dates {order}: expected day-first or month-first")
        return cls(DECIMALS[decimal], order)


def advice(found: object) -> str:
    """Name the option that reads a refused cell; empty if there is none."""
    text = str(found).strip()
    if re.fullmatch(NUMBERED, text):
        return "; --dates day-first or --dates month-first says how to read the dates"
    if ONLY_COMMA.fullmatch(text):
        return "; --decimal comma reads numbers with a decimal comma"
    return ""


def named_delimiter(text: str) -> tuple[str, int]:
    """The delimiter that the first line names, as `sep=;` of Excel does, and where the next line begins.

    Empty and 0 where the first line is the header.
    """
    found = NAMED.match(text)
    return (found[1], found.end()) if found else ("", 0)


def delimiter_of(text: str) -> str:
    """The character that splits the first rows into the most columns, equally many; else a comma."""

    def columns(mark: str) -> tuple[bool, int]:
        rows = csv.reader(io.StringIO(text[: 2**20]), delimiter=mark)
        widths = [len(row) for row in islice((row for row in rows if row), LOOKED_AT)]
        return bool(widths) and widths[0] > 1 and len(set(widths)) == 1, widths[0] if widths else 0

    return max(DELIMITERS, key=columns)


def decimal_of(texts: pd.DataFrame, name: str) -> str:
    """The decimal mark of a table of text, of the file `name`. Raises `DataError` if the text does not show it."""
    seen: dict[str, str] = {}
    for label in texts.columns:
        cells = texts[label].dropna().str.strip()
        if not cells.map(lambda cell: NUMERIC.fullmatch(cell) is not None).all():
            continue
        for cell in cells[cells.str.contains("[.,]")].unique():
            kind = "," if ONLY_COMMA.fullmatch(cell) else "." if ONLY_POINT.fullmatch(cell) else ""
            if kind or EITHER.fullmatch(cell):
                seen.setdefault(kind, f"column {label!r} has {cell!r}")
    if "," in seen and "." in seen:
        raise DataError(
            f"{name}: {seen[',']} with a decimal comma, {seen['.']} with a decimal point; write one way of both"
        )
    if "" in seen and len(seen) == 1:
        raise DataError(
            f"{name}: {seen['']}, whose mark may precede decimals or part thousands; give --decimal comma or point"
        )
    return "," if "," in seen else "."


def with_numbers(frame: pd.DataFrame, decimal: str) -> tuple[pd.DataFrame, list[str]]:
    """Read columns whose numbers have marks between thousands, or lakh and crore. Returns sentences on them."""
    notes = []
    for label in _texts(frame):
        cells = frame[label].dropna()
        if not _all(cells, f"(?:{PLAIN[decimal]})|(?:{GROUPED[decimal]})"):
            continue
        cells = _stripped(cells)
        grouped = cells[cells.str.fullmatch(GROUPED[decimal])]
        if grouped.empty:
            continue
        numbers = pd.to_numeric(cells.str.replace(BETWEEN[decimal], "", regex=True).str.replace(",", "."))
        frame = frame.assign(**{label: numbers.reindex(frame.index)})
        notes.append(f"column {label!r}: {grouped.iloc[0]!r} is read as {numbers[grouped.index[0]]:.12g}")
    return frame, notes


def with_dates(frame: pd.DataFrame, told: Notation) -> tuple[pd.DataFrame, list[str]]:
    """Write dates such as 28/06/2019 as 2019-06-28, and leave out time zones. Returns sentences on the columns.

    Dates that could be either way stay as they are, for the recipe to refuse. Raises `DataError` when `told`
    contradicts a date.
    """
    notes = []
    for label in frame.columns if frame.columns.is_unique else ():
        column = frame[label]
        found: tuple[pd.Series[Any], str] | None = None
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            found = column.dt.tz_localize(None), _zone_note(label)
        elif column.dtype == object:
            cells = column.dropna()
            found = _numbered_dates(str(label), cells, told) or _local(str(label), cells)
        if found:
            frame = frame.assign(**{label: found[0].reindex(frame.index)})
            notes.append(found[1])
    return frame, notes


def _texts(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if frame[name].dtype == object] if frame.columns.is_unique else []


def _stripped(cells: pd.Series[Any]) -> pd.Series[Any]:
    return cells.map(lambda cell: str(cell).strip())


def _all(cells: pd.Series[Any], pattern: str) -> bool:
    """Whether there are cells and all, stripped, have the pattern. Most columns are told by their first cells."""
    parts = (cells.head(SAMPLE), cells)
    return len(cells) > 0 and all(bool(_stripped(some).str.fullmatch(pattern).all()) for some in parts)


def _numbered_dates(label: str, cells: pd.Series[Any], told: Notation) -> tuple[pd.Series[Any], str] | None:
    """The dates of a column in ISO 8601, and a sentence; None if it has others or they can be either way."""
    if not _all(cells, NUMBERED):
        return None
    cells = _stripped(cells)
    parts = cells.str.extract(f"^{NUMBERED}$")
    late = [parts[place].astype(int) > 12 for place in (0, 1)]
    shown = {order: str(cells[over].iloc[0]) for order, over in zip(ORDERS[1:], late, strict=True) if over.any()}
    if len(shown) == 2:
        return None
    order = next(iter(shown), told.dates)
    if not order:
        return None
    if told.dates and order != told.dates:
        raise DataError(f"--dates {told.dates}: column {label!r} has {shown[order]!r}, which is {order}")
    day, month = (0, 1) if order == "day-first" else (1, 0)
    iso = parts[2] + "-" + parts[month].str.zfill(2) + "-" + parts[day].str.zfill(2)
    iso += (" " + parts[3].str.zfill(2) + parts[4]).fillna("")
    return iso, f"column {label!r}: {cells.iloc[0]!r} is read as {iso.iloc[0]}"


def _local(label: str, cells: pd.Series[Any]) -> tuple[pd.Series[Any], str] | None:
    """The dates and times of a column without their time zones, and a sentence; None if none has a time zone."""
    if not len(cells) or not isinstance(cells.iloc[0], str) or not _all(cells.head(SAMPLE), STAMPED):
        return None
    parts = _stripped(cells).str.extract(f"^{STAMPED}$")
    if parts[0].isna().any() or parts[1].isna().all():
        return None
    return parts[0], _zone_note(label)


def _zone_note(label: object) -> str:
    return f"column {label!r}: the time zone is left out; the local date and time count"
