"""Pair tables: conversion of known layouts to one tidy table, its schema and the split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from training.data.split import by_group, check
from training.errors import BadValue, DataError
from training.fit.alone import classes_of, one_column_f1, one_word_f1
from training.fit.leakage import way_out
from training.recipe import RecipeOptions, Split

__all__ = [
    "COLUMNS",
    "FILE",
    "FORBIDDEN",
    "GROUP",
    "ONE_SIDE",
    "PART",
    "SCHEMA",
    "SIDES",
    "cut",
    "cut_again",
    "sides",
    "tidy",
]

COLUMNS = ("left", "right", "label")
"""Columns of the record-pair layout: `COL title VAL ... COL price VAL ...` twice, then 0 or 1."""
FILE = "file"
PART = "part"
GROUP = "requirement"
"""Identifies a requirement by its content. All its pairs share one part unless the files name the parts."""
SIDES = ("requirement", "availability")
TEXTS = ("name", "description", "maker", "commodity", "unit")
RANGES = {
    "quantity": (0.0, 1e9),
    "price": (0.0, 1e9),
    "quality": (0.0, 1.0),
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
}
FORBIDDEN = ("id", "left_id", "right_id", "requirement_id", "availability_id", "score", "match", "accepted")
"""Row numbers that reveal pairs, and the answers of an earlier matcher."""

ALIASES = {"title": "name", "name": "name", "manufacturer": "maker", "brand": "maker"}
PUBLISHED = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
"""File names that determine the part of their rows."""
ONE_SIDE = 0.9
"""The macro-F1 from which on a column of one side predicts implausibly well whether both sides match."""
MOST_TEXTS = 20_000
"""Of more pairs, the words of those at equal distances are looked at."""
LENGTHS = {"name": 300, "description": 4000, "maker": 200}
ANSWERS = ("id", "score", "match", "accepted")
"""Further fields that never join the description: row numbers that reveal pairs, and answers of a matcher."""
_FIELD = re.compile(r"COL (\S+) VAL ?(.*?)(?= COL \S+ VAL|$)")


def _schema() -> pa.DataFrameSchema:
    columns: dict[str, pa.Column] = {
        GROUP: pa.Column(str),
        "label": pa.Column(int, pa.Check.isin((0, 1)), coerce=True),
        PART: pa.Column(str, pa.Check.isin(sorted(set(PUBLISHED.values()))), required=False),
    }
    for side in SIDES:
        for name in TEXTS:
            least = 1 if name == "name" else 0
            columns[f"{side}_{name}"] = pa.Column(str, pa.Check.str_length(least, LENGTHS.get(name, 64)))
        for name, (low, high) in RANGES.items():
            columns[f"{side}_{name}"] = pa.Column(float, pa.Check.between(low, high), nullable=True, coerce=True)
    return pa.DataFrameSchema(columns, strict=True)


SCHEMA = _schema()
"""The tidy table: one row per pair. Missing text is empty; a missing number is NaN."""


def tidy(raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
    """Return one row per pair from record pairs or the plain layout (`requirement_name`, `availability_price`,
    ...).

    If a pair is repeated, the first row of the latest part stays (test, then validation, then train). Published
    files repeat pairs across parts, some with both labels. A price or quantity of 0 is NaN. Further
    fields of text, such as a model number or a category, join the description; `attrs["notes"]` names them. Raises
    `DataError`.
    """
    wide = _from_records(raw) if set(COLUMNS) <= set(raw.columns) else raw
    further = _further(wide)
    frame = pd.DataFrame({"label": _labels(raw)}, index=raw.index)
    _refuse_answers(wide, further, frame["label"], options.allowed)
    for name, column in _sides(wide, further).items():
        frame[name] = column
    frame[GROUP] = _keys(frame, SIDES[0])
    part = _parts(raw, options)
    if part is not None:
        frame[PART] = part
    made = _once(frame)
    fields = {f"{side}_{name}" for side in SIDES for name in (*TEXTS, *RANGES)}
    used = {*COLUMNS, FILE, *further, *fields}
    every = [*raw.columns, *(name for name in wide.columns if name not in raw.columns)]
    made.attrs["unused"] = [str(name) for name in every if name not in used]
    made.attrs["joined"] = further
    made.attrs["notes"] = [f"joined to the description: {', '.join(further)}"] if further else []
    return made


def sides(raw: pd.DataFrame) -> pd.DataFrame:
    """Return both sides of every pair as in the tidy table, with its index; labels are not needed."""
    wide = _from_records(raw) if set(COLUMNS[:2]) <= set(raw.columns) else raw
    return pd.DataFrame(_sides(wide, _further(wide)), index=raw.index)


def cut(frame: pd.DataFrame) -> Split:
    """Use the parts that the files name; otherwise split by requirement, so that each stays in one part."""
    if PART not in frame:
        return by_group(frame, GROUP, validation=0.2, test=0.2)
    parts = {name: frame[frame[PART] == name].drop(columns=PART) for name in ("train", "validation", "test")}
    rows = {name: len(part) for name, part in parts.items()}
    return check(Split(**parts, description={"kind": "published", "column": FILE, "rows": rows}))


def cut_again(frame: pd.DataFrame) -> Split:
    """Split the pairs of a parameter search, which `cut` assigned before its test part, by requirement."""
    # A different seed, because the first seed's test requirements are not in this table.
    return by_group(frame.drop(columns=PART, errors="ignore"), GROUP, validation=0.2, test=0.2, seed=8)


def _sides(wide: pd.DataFrame, further: Sequence[str]) -> dict[str, pd.Series[Any]]:
    """Return the columns of both sides. Raises `DataError` when no row has a requirement's name."""
    found: dict[str, pd.Series[Any]] = {}
    for side in SIDES:
        for name in TEXTS:
            column = f"{side}_{name}"
            given = wide[column] if column in wide else pd.Series("", index=wide.index)
            length = LENGTHS.get(name)
            texts = [str(text).strip() for text in given.fillna("")]
            if name == "description":
                texts = _joined(texts, [wide[other] for other in further if other.startswith(f"{side}_")])
            found[column] = pd.Series([text[:length] for text in texts], index=wide.index)
        for name in RANGES:
            column = f"{side}_{name}"
            numbers = _numbers(wide[column]) if column in wide else pd.Series(np.nan, index=wide.index)
            found[column] = numbers.where(numbers != 0) if name in ("price", "quantity") else numbers
    if not (found["requirement_name"].str.len() > 0).any():
        raise DataError(
            "no row has a requirement's name; expected tab-separated record pairs (left, right, label) or CSV "
            "with the columns requirement_name, availability_name and label"
        )
    return found


def _from_records(raw: pd.DataFrame) -> pd.DataFrame:
    tables = []
    for source, side in zip(COLUMNS[:2], SIDES, strict=True):
        records = []
        for row, text in zip(raw.index, raw[source], strict=True):
            found = {ALIASES.get(key, key): value.strip() for key, value in _FIELD.findall(str(text).strip())}
            if not found.get("name"):
                raise BadValue(int(row), source, str(text)[:60], "COL title VAL ... or COL name VAL ...")
            records.append(found)
        tables.append(pd.DataFrame(records, index=raw.index).fillna("").add_prefix(f"{side}_"))
    return pd.concat(tables, axis=1)


def _further(wide: pd.DataFrame) -> list[str]:
    """Return the columns of either side that the app has no field for and that hold text, not only numbers.

    A field that is text on one side is text on both. Numbers may be those of rows, which reveal pairs.
    """
    sides = tuple(f"{side}_" for side in SIDES)
    fields = {str(name): str(name).partition("_")[2] for name in wide.columns if str(name).startswith(sides)}
    taken = {field for field in fields.values() if field in (*TEXTS, *RANGES, *ANSWERS) or field.endswith("_id")}
    texts = {field for name, field in fields.items() if field not in taken and _is_text(wide[name])}
    return [name for name, field in fields.items() if field in texts]


def _is_text(column: pd.Series[Any]) -> bool:
    given = column.dropna().map(lambda cell: str(cell).strip())
    given = given[given != ""]
    return bool(len(given)) and bool(pd.to_numeric(given, errors="coerce").isna().any())


def _refuse_answers(
    wide: pd.DataFrame, further: Sequence[str], labels: pd.Series[Any], allowed: Sequence[str]
) -> None:
    """Refuse a text of one side that alone gives the label away, as a whole or by one word. Raises `DataError`."""
    classes = classes_of(labels)
    texts = [f"{side}_{name}" for side in SIDES for name in TEXTS]
    for name in (*further, *(name for name in texts if name in wide)):
        if classes is None or name in allowed:
            continue
        cells: pd.Series[Any] = wide[name].fillna("").map(str)
        step = -(-len(cells) // MOST_TEXTS)
        score, word = one_word_f1(cells.iloc[::step], classes[::step])
        whole = one_column_f1(cells.replace("", None), classes)
        said = f" by the word {word!r}" if score > whole else ""
        best = max(score, whole)
        if best >= ONE_SIDE:
            raise DataError(
                f"column {name!r} alone predicts 'label' implausibly well{said} (macro-F1 {best:.4f}); "
                f"one side cannot tell whether the other matches; {way_out(name)}"
            )


def _joined(texts: list[str], columns: list[pd.Series[Any]]) -> list[str]:
    """Return the texts with the cells of the columns behind them."""
    cells = [[str(cell).strip() for cell in column.fillna("")] for column in columns]
    return [" ".join(filter(None, parts)) for parts in zip(texts, *cells, strict=True)]


def _labels(raw: pd.DataFrame) -> pd.Series[Any]:
    if "label" not in raw:
        raise DataError("column 'label' is missing; it must be 1 for a match and 0 otherwise")
    labels = pd.to_numeric(raw["label"], errors="coerce")
    wrong = ~labels.isin((0, 1))
    if wrong.any():
        row = raw.index[wrong.to_numpy()][0]
        raise BadValue(int(row), "label", raw["label"].loc[row], "0 or 1")
    return labels.astype(int)


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    numbers = pd.to_numeric(column, errors="coerce")
    given = column.notna() & (column.astype(str) != "")
    wrong = numbers.isna() & given
    if wrong.any():
        row = column.index[wrong.to_numpy()][0]
        raise BadValue(int(row), str(column.name), column.loc[row], "a number or an empty cell")
    return numbers.astype(float)


def _parts(raw: pd.DataFrame, options: RecipeOptions) -> pd.Series[Any] | None:
    """Return the part of each row by its file name, or None if the files are not a published split."""
    wanted = options.select.get("split", "published")
    if wanted not in ("published", "group"):
        raise DataError(f"--split: {wanted!r} is not known; expected published or group")
    if wanted == "group" or FILE not in raw:
        return None
    parts = raw[FILE].map(PUBLISHED)
    return parts if set(parts) == set(PUBLISHED.values()) else None


def _keys(frame: pd.DataFrame, side: str) -> pd.Series[Any]:
    columns = [f"{side}_{name}" for name in (*TEXTS, *RANGES)]
    return pd.util.hash_pandas_object(frame[columns], index=False).map("{:016x}".format)


def _once(frame: pd.DataFrame) -> pd.DataFrame:
    order = frame[PART].map({"test": 0, "validation": 1, "train": 2}) if PART in frame else frame["label"] * 0
    pair = frame[GROUP] + _keys(frame, SIDES[1])
    return frame[~pair.loc[order.sort_values(kind="stable").index].duplicated().reindex(frame.index)]
