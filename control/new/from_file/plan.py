"""What to write for a table: what its label is, the kind of the app, its columns, and how its rows are split."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from control.errors import NewAppError
from control.new.from_file.columns import (
    LONGEST_VALUE,
    MOSTLY,
    Column,
    columns_of,
    is_quantity,
    python_names,
    times_of,
)
from control.new.from_file.kinds import MODELS, Kind, Model
from control.new.from_file.leaks import without_leaks
from control.new.from_file.steps import LEAST_LENGTH, Steps, steps_of
from training.fit.alone import MOST_CLASSES

__all__ = ["Plan", "label_text", "plan"]

LEAST_ROWS = 60
MOST_COLUMNS = 300
FEW_NUMBERS = 10
"""A label of whole numbers with at most so many distinct values is a class."""
LEAST_PER_CLASS = 10
FEW_OTHERS = 2
"""With at most so many other columns, a table with a text is a table of texts."""
LEAST_TIMES = 30
LEAST_GROUPS = 10


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that the templates need to know of the table."""

    source: str
    """The file's name."""
    rows: int
    kind: Kind
    model: Model
    target: Column
    classes: tuple[str, ...]
    """The labels, sorted; empty for a quantity."""
    shares: tuple[float, ...]
    """The share of each class."""
    inputs: tuple[Column, ...]
    """The columns that the model reads."""
    text: Column | None = None
    time: Column | None = None
    """The column by which the rows are split, or of the forecast."""
    group: Column | None = None
    """The column whose groups stay together, or the name of a series."""
    steps: Steps | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    """Columns that are not used, and why."""
    period: tuple[pd.Timestamp, pd.Timestamp] | None = None
    """The first and the last time."""

    @property
    def numbers(self) -> tuple[Column, ...]:
        """The columns with numbers."""
        return tuple(column for column in self.inputs if column.role == "number")

    @property
    def categories(self) -> tuple[Column, ...]:
        """The columns with categories."""
        return tuple(column for column in self.inputs if column.role == "category")


def plan(
    frame: pd.DataFrame,
    source: str,
    label: str,
    kind: Kind | None,
    model: Model | None,
    allowed: Collection[str] = (),
) -> Plan:
    """Look at the table; `allowed` columns may look as if they gave the label away.

    Raises `NewAppError`, which says what is wrong with the file or the label.
    """
    frame = frame.rename(columns=str)
    names = list(frame.columns)
    if label not in names:
        raise NewAppError(f"{source} has no column {label!r}; give --label one of: {', '.join(names)}")
    if len(names) > MOST_COLUMNS:
        raise NewAppError(f"{source} has {len(names)} columns; at most {MOST_COLUMNS} fit an app: leave some out")
    frame = frame[frame[label].notna()]
    if len(frame) < LEAST_ROWS:
        raise NewAppError(f"{source} has {len(frame)} rows with a {label!r}; an app needs at least {LEAST_ROWS}")
    frame = _with_number(frame, label)
    found = {column.name: column for column in columns_of(frame, python_names(names, label))}
    target = found.pop(label)
    if target.why and not target.distinct:
        raise NewAppError(f"--label {label!r} cannot be predicted: {target.why}")
    if target.distinct < 2:
        one = label_text(frame[label].iloc[0])
        raise NewAppError(f"--label {label!r} has only one value, {one!r}; there is nothing to predict")
    kind = kind or _kind(frame, target, list(found.values()))
    if model is not None and model not in MODELS[kind]:
        allowed = ", ".join(MODELS[kind])
        raise NewAppError(f"--model {model} is not there for --kind {kind}; allowed: {allowed}")
    classes, shares = _classes(frame[label], target, kind)
    made = Plan(
        source=source,
        rows=len(frame),
        kind=kind,
        model=model or MODELS[kind][0],
        target=replace(target, low=0.0, high=0.0) if classes else _bounded(target, frame[label]),
        classes=classes,
        shares=shares,
        inputs=(),
    )
    others = list(found.values())
    if kind is Kind.FORECAST:
        return _forecast(made, frame, others)
    if kind is Kind.TEXT:
        return _text(made, frame, others)
    known = frame[label].map(label_text) if classes else frame[label].astype(float)
    return _table(made, frame, without_leaks(frame, known, others, allowed))


def _with_number(frame: pd.DataFrame, label: str) -> pd.DataFrame:
    """A label of many numbers that the file has as texts is a number, as it is for the recipe."""
    values = frame[label]
    if values.dtype != object or values.map(lambda value: isinstance(value, bool)).any():
        return frame
    numbers = pd.to_numeric(values, errors="coerce")
    many = numbers.notna().all() and numbers.nunique() > FEW_NUMBERS
    return frame.assign(**{label: numbers}) if many else frame


def label_text(value: Any) -> str:
    """A label as text; a whole number that a missing value turned into 1.0 is 1 again."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _bounded(target: Column, values: pd.Series[Any]) -> Column:
    if not np.isfinite(values.to_numpy(np.float64)).all():
        raise NewAppError(f"--label {target.name!r} has infinite values; leave out these rows")
    return replace(target, low=float(values.min()), high=float(values.max()))


def _kind(frame: pd.DataFrame, target: Column, others: Sequence[Column]) -> Kind:
    values = frame[target.name]
    usable = [column for column in others if column.role in ("number", "category")]
    if any(column.role == "text" for column in others) and len(usable) <= FEW_OTHERS:
        return Kind.TEXT
    if not _is_class(values, target):
        times = [column for column in others if column.role == "time"]
        if is_quantity(values) and any(steps_of(frame, column, others) for column in times):
            return Kind.FORECAST
        return Kind.REGRESSION
    return Kind.CLASSIFICATION


def _is_class(values: pd.Series[Any], target: Column) -> bool:
    if not is_quantity(values):
        return True
    whole = bool((values == values.round()).all())
    return whole and target.distinct <= FEW_NUMBERS


def _classes(values: pd.Series[Any], target: Column, kind: Kind) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The classes and their shares; none where the label is a quantity."""
    wants_classes = kind is Kind.CLASSIFICATION or (kind is Kind.TEXT and _is_class(values, target))
    if not wants_classes:
        if not is_quantity(values):
            raise NewAppError(f"--label {target.name!r} has no numbers; --kind {kind} predicts a number")
        return (), ()
    counts = values.map(label_text).value_counts()
    if len(counts) > MOST_CLASSES:
        numbers = pd.to_numeric(values, errors="coerce")
        if values.dtype == object and numbers.notna().mean() >= MOSTLY:
            odd = values[numbers.isna()].iloc[0]
            raise NewAppError(f"--label {target.name!r} has {odd!r} among its numbers; leave such cells empty")
        what = "identifies the rows or is text" if len(counts) > len(values) / 2 else "has too many classes"
        raise NewAppError(
            f"--label {target.name!r} {what}: {len(counts)} different values in {len(values)} rows; "
            f"a classifier takes up to {MOST_CLASSES} classes"
        )
    _refuse_rare(target.name, counts, "rows")
    long = max(counts.index, key=len)
    if len(long) > LONGEST_VALUE:
        raise NewAppError(
            f"--label {target.name!r} has values of {len(long)} characters; a class needs a short name, up to "
            f"{LONGEST_VALUE}"
        )
    ordered = counts.sort_index()
    return tuple(map(str, ordered.index)), tuple(float(share) for share in ordered / len(values))


def _table(made: Plan, frame: pd.DataFrame, others: Sequence[Column]) -> Plan:
    inputs = tuple(column for column in others if column.role in ("number", "category"))
    if not inputs:
        reasons = "; ".join(f"{column.name}: {_why(column)}" for column in others) or "there is no other column"
        raise NewAppError(f"{made.source} has no column that a model of a table can use: {reasons}")
    return _split(replace(made, inputs=inputs), frame, others)


def _text(made: Plan, frame: pd.DataFrame, others: Sequence[Column]) -> Plan:
    texts = sorted((column for column in others if column.role == "text"), key=lambda column: -column.longest)
    if not texts:
        raise NewAppError(
            f"{made.source} has no column of free text (of three or more words); give another --kind"
        )
    return _split(replace(made, inputs=(texts[0],), text=texts[0]), frame, others)


def _split(made: Plan, frame: pd.DataFrame, others: Sequence[Column]) -> Plan:
    """Choose the split: by time, else by groups, else at random."""
    times = [column for column in others if column.role == "time" and not column.missing]
    times = [column for column in times if column.distinct >= LEAST_TIMES]
    groups = [column for column in others if column.role == "identifier" and column.repeats]
    groups = [column for column in groups if column.distinct >= LEAST_GROUPS and not column.missing]
    time = times[0] if times else None
    group = groups[0] if groups and not times else None
    used = {column.name for column in (*made.inputs, time, group) if column}
    _refuse_few(made, frame[[*sorted(used), made.target.name]])
    made = replace(made, time=time, group=group, left_out=_left_out(made, others, used))
    return _with_period(made, frame)


def _refuse_few(made: Plan, rows: pd.DataFrame) -> None:
    """Rows that repeat another one are left out of a training: there must be enough different ones."""
    different = rows.drop_duplicates()
    if len(different) < LEAST_ROWS:
        raise NewAppError(
            f"{made.source} has {len(different)} different rows in the columns that a model can use; "
            f"an app needs at least {LEAST_ROWS}"
        )
    if made.classes:
        _refuse_rare(
            made.target.name, different[made.target.name].map(label_text).value_counts(), "different rows"
        )


def _refuse_rare(label: str, counts: pd.Series[Any], rows: str) -> None:
    rare = counts[counts < LEAST_PER_CLASS]
    if len(rare):
        raise NewAppError(
            f"--label {label!r}: {rare.index[0]!r} has {rare.iloc[0]} {rows}; each class needs at least "
            f"{LEAST_PER_CLASS}: add rows, or join or leave out rare classes"
        )


def _forecast(made: Plan, frame: pd.DataFrame, others: Sequence[Column]) -> Plan:
    found = next((one for column in others if (one := steps_of(frame, column, others))), None)
    if found is None:
        unread = [f"{column.name}: {column.why}" for column in others if "--dates" in column.why]
        raise NewAppError(
            f"{made.source}: a forecast needs a date column with equal steps, from a minute to a month, one row "
            f"for each date (and series), and {LEAST_LENGTH} rows of a series; "
            f"{'; '.join(unread) or 'give another --kind'}"
        )
    if times_of(frame[found.time.name]) is None or not is_quantity(frame[made.target.name]):
        raise NewAppError(f"--label {made.target.name!r} must be a number for --kind forecast")
    inputs = tuple(c for c in others if c.role == "number" and c is not found.series)
    used = {column.name for column in (*inputs, found.time, found.series) if column}
    left = _left_out(made, others, used)
    made = replace(made, inputs=inputs, time=found.time, group=found.series, steps=found, left_out=left)
    return _with_period(made, frame)


def _with_period(made: Plan, frame: pd.DataFrame) -> Plan:
    times = None if made.time is None else times_of(frame[made.time.name])
    return made if times is None else replace(made, period=(times.min(), times.max()))


def _left_out(made: Plan, others: Sequence[Column], used: set[str]) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, _why(column)) for column in others if column.name not in used)


def _why(column: Column) -> str:
    reasons = {
        "text": "it is free text",
        "time": "it is a time",
        "identifier": "it identifies the row or its group",
        "category": "the template reads no categories",
        "number": "the template reads no numbers",
    }
    return column.why or reasons[column.role]
