"""What each column of a table is: a number, a category, text, a time, or something that no model can use."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.data.notation import advice
from training.fit.alone import numbers_the_rows

__all__ = [
    "LONGEST_VALUE",
    "MOSTLY",
    "Column",
    "Role",
    "columns_of",
    "is_quantity",
    "python_names",
    "stripped",
    "times_of",
]

Role = Literal["number", "category", "text", "time", "identifier", "useless"]

MOST_VALUES = 30
"""A text column with more distinct values is not a list of categories."""
ROWS_PER_VALUE = 3
"""Fewest rows for each category, on average."""
TEXT_WORDS = 3
"""Words of a free text, on average."""
SAMPLE = 50
"""Cells that tell whether a column of text has dates."""
LONGEST_VALUE = 60
"""Characters of the longest category."""
MOSTLY = 0.5
"""Share of numbers from which on a column of text is one of numbers with something else among them."""
REPEATS = 0.8
"""Fewer distinct values than this share of the rows, and an identifier names groups of rows."""
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
DAY_OF_MONTH = rf"(?:\d{{1,2}}[ .-]{{1,2}}(?:{MONTHS})[a-z]*|(?:{MONTHS})[a-z]*\.? \d{{1,2}})"
NAMED_DATE = re.compile(rf"(?i)(?:\w+,? )?{DAY_OF_MONTH}[ ,.-]{{1,2}}\d{{2,4}}\b.*")
"""A date with the name of its month, such as 5 Jan 2021 or January 5, 2021."""
SIGN = "[%°$€£¥₹]"
SIGNED_NUMBER = re.compile(rf"{SIGN}? ?[+-]?\d[\d.,]* ?{SIGN}?")
EXACT = 2**53
"""JSON's whole numbers are exact up to here."""
IDENTIFIER = re.compile(r"(?i:(^|[_\s.-])(id|uuid|guid)$)|[a-z](ID|Id)$")
OWNERS = (
    "account|client|customer|device|employee|household|machine|member|patient|person|student|subject|user|vehicle"
)
OWNER = re.compile(rf"(?i:(^|[_\s.-])({OWNERS})([_\s.-]?(code|key|name|no|nr|number))?$)")
"""Names of columns that say whose the row is. With few values they are categories."""
TIME = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
RESERVED = (
    *("label", "past", "probability", "probabilities", "reference", "self", "value"),
    *("Annotated", "Literal", "Meta", "Value", "bool", "datetime", "float", "int", "msgspec", "str", "tuple"),
)
"""Fields of the answer, and names that the types of the fields need."""
LONGEST_FIELD = 40


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the file, and the field of the question that it becomes."""

    name: str
    """As the file has it."""
    field: str
    role: Role
    type: Literal["float", "int", "bool", "str"] = "str"
    missing: bool = False
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    """The categories, sorted."""
    distinct: int = 0
    repeats: bool = False
    """Whether an identifier occurs in several rows."""
    longest: int = 0
    """The characters of the longest text."""
    why: str = ""
    """Why a column cannot be used."""


def columns_of(frame: pd.DataFrame, fields: dict[str, str]) -> list[Column]:
    """What each column is; `fields` are the Python names by the file's."""
    return [_column(str(name), fields[str(name)], frame[name]) for name in frame.columns]


def python_names(names: Iterable[str], label: str = "") -> dict[str, str]:
    """A Python name for each column: its own where that is one, else one made from its letters and digits.

    The `label` is no field of a question, so it may be called what other columns may not.
    """
    taken: set[str] = set()
    found = {}
    for number, name in enumerate(names, 1):
        reserved = () if name == label else RESERVED
        field = _free(_plain(name) or f"column_{number}", taken, reserved)
        taken.add(field)
        found[name] = field
    return found


def is_quantity(values: pd.Series[Any]) -> bool:
    """Whether the values are numbers; True and False are not."""
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))


def stripped(values: pd.Series[Any]) -> pd.Series[Any]:
    """The values as text without the spaces around it."""
    return values.map(lambda value: str(value).strip()).astype(object)


def times_of(values: pd.Series[Any]) -> pd.Series[Any] | None:
    """The values as dates or times; None if they are something else."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return values
    known = values.dropna()
    if values.dtype != object or known.empty:
        return None
    texts = stripped(known)
    if not texts.head(50).str.fullmatch(TIME.pattern).all() or not texts.str.fullmatch(TIME.pattern).all():
        return None
    found = pd.to_datetime(texts, format="ISO8601", errors="coerce")
    return None if found.isna().any() else found.reindex(values.index)


def _plain(name: str) -> str:
    if name.isidentifier() and name.isascii() and not name.startswith("_") and len(name) <= LONGEST_FIELD:
        return name
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^0-9A-Za-z]+", "_", letters).strip("_").lower()[:LONGEST_FIELD].strip("_")
    return f"n_{words}" if words[:1].isdigit() else words


def _free(field: str, taken: Collection[str], reserved: Collection[str]) -> str:
    if keyword.iskeyword(field) or keyword.issoftkeyword(field) or field in reserved:
        field = f"{field}_"
    base, number = field, 2
    while field in taken:
        field, number = f"{base}{number}", number + 1
    return field


def _column(name: str, field: str, values: pd.Series[Any]) -> Column:
    known = values.dropna()
    if odd := _not_a_table(known):
        return Column(name=name, field=field, role="useless", why=odd)
    distinct, missing = int(known.nunique()), len(known) < len(values)

    def made(role: Role, **more: Any) -> Column:
        return Column(name=name, field=field, role=role, missing=missing, distinct=distinct, **more)

    if distinct < 2:
        where = "wherever it has one" if missing else "in every row"
        return made("useless", why=f"it has the same value {where}" if distinct else "it is empty")
    if times_of(values) is not None:
        return made("time")
    repeats = distinct < REPEATS * len(values)
    if known.map(lambda value: isinstance(value, (bool, np.bool_))).all():
        return made("number", type="bool", low=0.0, high=1.0)
    if is_quantity(values):
        whole = pd.api.types.is_integer_dtype(values)
        if whole and (IDENTIFIER.search(name) or (OWNER.search(name) and distinct > MOST_VALUES)):
            return made("identifier", repeats=repeats)
        return _numeric(made, known.to_numpy(np.float64), whole, repeats)
    return _worded(made, name, stripped(known), repeats)


def _numeric(made: Any, numbers: npt.NDArray[np.float64], whole: bool, repeats: bool) -> Column:
    """A column of numbers: a measure, the number of the row, or more than the model's 32 bits hold."""
    found: Column
    low, high = float(numbers.min()), float(numbers.max())
    with np.errstate(over="ignore"):
        # The range of the field is a span wider on both sides.
        held = np.isfinite(np.array([2 * low - high, 2 * high - low], np.float64).astype(np.float32)).all()
        kept = len(np.unique(numbers.astype(np.float32)))
    if numbers_the_rows(numbers):
        found = made("identifier", repeats=repeats)
    elif not np.isfinite(numbers).all():
        found = made("useless", why="it has infinite values")
    elif not held:
        found = made("useless", why="its numbers are larger than 32 bits hold; use a larger unit")
    elif 2 * kept < len(np.unique(numbers)):
        found = made(
            "useless", why="32 bits cannot tell its numbers apart; subtract the lowest, or use another unit"
        )
    else:
        exact = whole and 2 * max(abs(low), abs(high)) < EXACT
        found = made("number", type="int" if exact else "float", low=low, high=high)
    return found


def _worded(made: Any, name: str, texts: pd.Series[Any], repeats: bool) -> Column:
    """A column of text: categories, sentences, or names."""
    distinct, longest = texts.nunique(), int(texts.str.len().max())
    numbers = pd.to_numeric(texts, errors="coerce")
    some = texts.head(SAMPLE)
    words = texts.map(lambda text: len(text.split())).mean()
    found: Column
    if IDENTIFIER.search(name):
        found = made("identifier", repeats=repeats)
    elif _few(texts, distinct) and longest <= LONGEST_VALUE:
        found = made("category", values=tuple(sorted(texts.unique())))
    elif OWNER.search(name) and words < TEXT_WORDS:
        found = made("identifier", repeats=repeats)
    elif numbers.notna().all():
        found = _numeric(made, numbers.to_numpy(np.float64), False, repeats)
    elif some.str.fullmatch(NAMED_DATE.pattern).all():
        found = made("useless", why=f"it has {texts.iloc[0]!r}; write dates as 2024-05-14")
    elif some.str.fullmatch(SIGNED_NUMBER.pattern).all():
        found = made("useless", why=f"it has {texts.iloc[0]!r}; write numbers alone")
    elif words >= TEXT_WORDS:
        found = made("text", longest=longest)
    elif said := advice(texts.iloc[0]):
        found = made("useless", why=f"it has {texts.iloc[0]!r}{said}")
    elif distinct == len(texts):
        found = made("identifier", repeats=False)
    elif numbers.notna().mean() >= MOSTLY:
        odd = texts[numbers.isna()].iloc[0]
        found = made("useless", why=f"it has text such as {odd!r} among its numbers; leave such cells empty")
    elif distinct <= MOST_VALUES and len(texts) < ROWS_PER_VALUE * distinct:
        found = made(
            "useless", why=f"it has {distinct} different words in {len(texts)} rows, too few for categories"
        )
    else:
        found = made("useless", why=f"it has {distinct} different words, too many for categories")
    return found


def _not_a_table(known: pd.Series[Any]) -> str:
    """Why the cells are neither numbers nor words nor times; empty if they are."""
    if pd.api.types.is_timedelta64_dtype(known):
        return "it has lengths of time; write them as numbers, such as seconds"
    if known.dtype != object:
        return ""
    if known.map(lambda value: isinstance(value, (dict, list, np.ndarray))).any():
        return "it has lists or objects in its cells"
    return "it has bytes; write them as text" if known.map(lambda value: isinstance(value, bytes)).any() else ""


def _few(texts: pd.Series[Any], distinct: int) -> bool:
    """Whether the texts are few enough for a list of categories, none of them empty."""
    return distinct <= MOST_VALUES and len(texts) >= ROWS_PER_VALUE * distinct and bool((texts != "").all())
