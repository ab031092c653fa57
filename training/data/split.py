"""Splits that cannot leak: by time, or by whole groups. What a recipe returns is checked again."""

from __future__ import annotations

import hashlib
from typing import Any

import pandas as pd

from training.errors import DataError
from training.recipe import Split

__all__ = ["by_group", "by_time", "by_time_and_group", "check"]

PARTS = ("train", "validation", "test")


def by_time(
    frame: pd.DataFrame, column: str, validation_from: Any, test_from: Any, until: str | None = None
) -> Split:
    """Train before `validation_from`, validation before `test_from`, test from there on.

    `until` names the column with the time at which a row's target is known; a row whose target falls into a later
    part is dropped (an embargo). Raises `DataError` when a part is empty.
    """
    first, second = pd.Timestamp(validation_from), pd.Timestamp(test_from)
    if not first < second:
        raise DataError(f"split: validation starts at {first}, not before test at {second}")
    known = frame[until or column]
    split = Split(
        train=frame[(frame[column] < first) & (known < first)],
        validation=frame[(frame[column] >= first) & (frame[column] < second) & (known < second)],
        test=frame[frame[column] >= second],
        description={
            "kind": "time",
            "column": column,
            "validation_from": first.isoformat(),
            "test_from": second.isoformat(),
            "embargo": until or "",
        },
    )
    return check(_described(split, len(frame)), time_column=column)


def by_group(
    frame: pd.DataFrame, column: str, validation: float = 0.15, test: float = 0.15, seed: int = 7
) -> Split:
    """Deal whole groups to the parts by a hash of their name, so that a group never moves when others come.

    `validation` and `test` are shares of the groups. Rows that are equal in everything but the group are refused
    when they would stand in two parts. Raises `DataError`.
    """
    if not (0 < validation and 0 < test and validation + test < 1):
        raise DataError(f"split: shares {validation} and {test} must be above 0 and leave something to train on")
    draw = {name: _fraction(name, seed) for name in frame[column].unique()}
    drawn = frame[column].map(draw)
    split = Split(
        train=frame[drawn >= validation + test],
        validation=frame[(drawn >= test) & (drawn < validation + test)],
        test=frame[drawn < test],
        description={"kind": "group", "column": column, "validation": validation, "test": test, "seed": seed},
    )
    return check(_described(split, len(frame)), group_column=column)


def by_time_and_group(
    frame: pd.DataFrame,
    time_column: str,
    test_from: Any,
    group_column: str,
    validation: float = 0.2,
    seed: int = 7,
) -> Split:
    """Test from `test_from` on; what is earlier is dealt to train and validation by whole groups.

    For data of a few dates only, where no date between them is left for validation. A group may come back in the
    test: it is later, and known by then. `validation` is a share of the groups. Raises `DataError`.
    """
    if not 0 < validation < 1:
        raise DataError(f"split: the share {validation} must be above 0 and leave something to train on")
    first = pd.Timestamp(test_from)
    early = frame[time_column] < first
    draw = {name: _fraction(name, seed) for name in frame.loc[early, group_column].unique()}
    held = frame[group_column].map(draw) < validation
    split = Split(
        train=frame[early & ~held],
        validation=frame[early & held],
        test=frame[~early],
        description={
            "kind": "time and group",
            "column": time_column,
            "test_from": first.isoformat(),
            "group": group_column,
            "validation": validation,
            "seed": seed,
        },
    )
    return check(_described(split, len(frame)))


def check(split: Split, time_column: str | None = None, group_column: str | None = None) -> Split:
    """The same split, when it does not leak.

    Refuses empty parts, parts that overlap in time, a group in two parts, and a row in two parts (by its index
    label, or by its values other than the group). Raises `DataError` that names the parts.
    """
    parts = {name: getattr(split, name) for name in PARTS}
    for name, part in parts.items():
        if part.empty:
            raise DataError(f"split: the {name} part is empty; give more data or move the boundaries")
    for early, late in (("train", "validation"), ("validation", "test"), ("train", "test")):
        left, right = parts[early], parts[late]
        if time_column and not left[time_column].max() < right[time_column].min():
            raise DataError(f"split: {early} and {late} overlap in {time_column!r}; that leaks the future")
        if group_column:
            shared = set(left[group_column]) & set(right[group_column])
            if shared:
                raise DataError(f"split: {early} and {late} share {group_column} {min(map(str, shared))!r}")
        _refuse_shared_rows(early, left, late, right, group_column)
    return split


def _refuse_shared_rows(
    early: str, left: pd.DataFrame, late: str, right: pd.DataFrame, group_column: str | None
) -> None:
    columns = [name for name in left.columns if name != group_column and name in right.columns]
    hashes = [pd.util.hash_pandas_object(part[columns], index=False) for part in (left, right)]
    again = right[hashes[1].isin(set(hashes[0])).to_numpy()]
    if len(again):
        raise DataError(
            f"split: {len(again)} rows of {late} also stand in {early} (the first has index {again.index[0]}); "
            "drop duplicates in tidy()"
        )


def _described(split: Split, rows: int) -> Split:
    counts = {name: len(getattr(split, name)) for name in PARTS}
    dropped = rows - sum(counts.values())
    return Split(
        train=split.train,
        validation=split.validation,
        test=split.test,
        description={**split.description, "rows": counts, "dropped": dropped},
    )


def _fraction(name: object, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
