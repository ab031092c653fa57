"""Tables of graded lots: conversion of known layouts to one tidy table, refused columns, and the split."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa

from apps.quality.schema import LIMIT, SLOTS
from training.data.split import by_group
from training.errors import BadValue, DataError
from training.recipe import Split

__all__ = ["FORBIDDEN", "KEYS", "SCHEMA", "cut", "grades_of", "measurements", "suppliers_known", "tidy"]

FORBIDDEN = (
    "id",
    "index",
    "key",
    "number",
    "row",
    "row_id",
    "record",
    "record_id",
    "sample",
    "sample_id",
    "lot",
    "lot_id",
    "lot_number",
    "batch",
    "batch_id",
    "serial",
    "uuid",
    "unnamed: 0",
)
"""Names, in lower case, of columns that identify a lot instead of describing it."""
GRADE_NAMES = ("grade", "class", "Grade", "Class")
KEYS = ("grade", "grade_value", "supplier", "group")
"""Columns of the tidy table that are not measurements."""
MOST_GRADES = 32
LEAST_ROWS = 300
LEAST_OF_A_GRADE = 5
"""Minimum number of lots of each grade in each part of the split."""
LEAST_SUPPLIERS = 20
"""Minimum number of suppliers for a split by supplier; otherwise, groups of identical lots are split."""

SCHEMA = pa.DataFrameSchema(
    {
        "grade": pa.Column(str, pa.Check.str_length(1, 64)),
        "grade_value": pa.Column(float, pa.Check.between(0, 100), nullable=True),
        "supplier": pa.Column(str, pa.Check.str_length(1, 64), nullable=True, required=False),
        "group": pa.Column(str),
        f"^(?!(?:{'|'.join(KEYS)})$).{{1,64}}$": pa.Column(
            float, pa.Check.between(-LIMIT, LIMIT), nullable=True, regex=True
        ),
    },
    strict=True,
)
"""The tidy table: one row per lot; every column except `KEYS` is a measurement."""


def measurements(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the names of the measurements of a tidy table, in its order."""
    return tuple(str(name) for name in frame.columns if name not in KEYS)


def tidy(raw: pd.DataFrame) -> pd.DataFrame:
    """Return one row per lot: `grade`, `grade_value`, optionally `supplier`, `group`, and the measurements.

    The grade is in `grade` or `Class`; every other column must be a measurement. Lots with equal grade and
    measurements are kept once; `attrs["dropped"]` counts the duplicates. Raises `DataError`.
    """
    grade = next((name for name in GRADE_NAMES if name in raw.columns), None)
    if grade is None:
        raise DataError("column 'grade' is missing (or 'Class'); it must contain the grade of each lot")
    frame = raw.rename(columns={grade: "grade"})
    _refuse_names(frame)
    frame["grade"] = _text(frame["grade"], "grade")
    if "grade_value" not in frame:
        frame["grade_value"] = np.nan
    if "supplier" in frame:
        frame["supplier"] = frame["supplier"].where(frame["supplier"].isna(), frame["supplier"].astype(str))
    names = [str(name) for name in frame.columns if name not in KEYS]
    if not 1 <= len(names) <= SLOTS:
        raise DataError(f"{len(names)} measurement columns; expected 1 to {SLOTS}")
    for name in (*names, "grade_value"):
        frame[name] = _numbers(frame[name], name)
    _check_grades(frame)
    whole = frame.drop_duplicates([*names, "grade"]).copy()
    whole["group"] = _groups(whole, names)
    whole.attrs["dropped"] = {"duplicates": len(frame) - len(whole)}
    # The column of groups is made here; one of the same name in the file gives way.
    whole.attrs["unused"] = [name for name in ("group",) if name in raw.columns]
    return whole


def cut(frame: pd.DataFrame, seed: int = 7) -> Split:
    """Split 100 groups 70/15/15: by supplier if there are enough suppliers, otherwise by identical measurements.

    Raises `DataError` if a grade has too few lots in a part.
    """
    if len(frame) < LEAST_ROWS:
        raise DataError(f"{len(frame)} distinct lots; at least {LEAST_ROWS} are needed")
    parts = by_group(frame, "group", seed=seed)
    for name in ("train", "validation", "test"):
        counts = getattr(parts, name)["grade"].value_counts().reindex(frame["grade"].unique(), fill_value=0)
        if counts.min() < LEAST_OF_A_GRADE:
            raise DataError(
                f"split: {counts.min()} lots of grade {counts.idxmin()!r} are in the {name} part; at least "
                f"{LEAST_OF_A_GRADE} are needed; provide more lots of this grade or remove it"
            )
    dropped = frame.attrs.get("dropped", {})
    groups = "suppliers" if suppliers_known(frame) else "identical measurements"
    parts.description.update({"groups": groups, "dropped_rows": dropped})
    return parts


def grades_of(frame: pd.DataFrame) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the names of the grades and their values: by value if there are values, otherwise by name without."""
    values = frame.groupby("grade")["grade_value"].first()
    if values.isna().any():
        return tuple(sorted(values.index)), ()
    values = values.sort_values(kind="stable")
    return tuple(values.index), tuple(float(value) for value in values)


def suppliers_known(frame: pd.DataFrame) -> bool:
    """Return whether every lot has a supplier and there are enough suppliers for a split."""
    if "supplier" not in frame or frame["supplier"].isna().any():
        return False
    return bool(frame["supplier"].nunique() >= LEAST_SUPPLIERS)


def _refuse_names(frame: pd.DataFrame) -> None:
    for name in frame.columns:
        if str(name).strip().lower() in FORBIDDEN:
            raise DataError(f"column {name!r} identifies a lot and is not a measurement; remove it from the table")


def _check_grades(frame: pd.DataFrame) -> None:
    count = frame["grade"].nunique()
    if not 2 <= count <= MOST_GRADES:
        raise DataError(f"column 'grade' has {count} distinct grades; expected 2 to {MOST_GRADES}")
    several = frame.groupby("grade")["grade_value"].nunique(dropna=False)
    if (several > 1).any():
        raise DataError(f"column 'grade_value': grade {several.idxmax()!r} has more than one value; expected one")
    known = frame.groupby("grade")["grade_value"].first().notna()
    if known.any() and not known.all():
        raise DataError(
            f"column 'grade_value': grade {known.idxmin()!r} has no value; set a value for all grades or for none"
        )


def _groups(frame: pd.DataFrame, names: list[str]) -> pd.Series[Any]:
    if suppliers_known(frame):
        return frame["supplier"].astype(str)
    return pd.util.hash_pandas_object(frame[names], index=False).astype(str)


def _text(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    text = column.map(lambda cell: str(cell).strip())
    _refuse_first(column, (column.isna() | (text == "")).to_numpy(), name, "a grade in every row")
    return text


def _numbers(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    found = pd.to_numeric(column, errors="coerce").astype(np.float64)
    wrong = ((found.isna() & column.notna()) | np.isinf(found)).to_numpy()
    _refuse_first(column, wrong, name, "a number or an empty cell; remove columns that are not measurements")
    return found


def _refuse_first(column: pd.Series[Any], wrong: npt.NDArray[np.bool_], name: str, wanted: str) -> None:
    if wrong.any():
        first = int(wrong.argmax())
        raise BadValue(int(column.index[first]), name, column.iloc[first], wanted)
