"""Splits that do not leak: by time, or by whole groups. The pipeline checks every split of a recipe."""

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
    """Train before `validation_from`, validation from then on, test from `test_from` on.

    `until` names a column with the time at which a row's target is known. A row whose target is known only during
    a later part is dropped (an embargo). Raises `DataError` when a part is empty.
    """
    first, second = pd.Timestamp(validation_from), pd.Timestamp(test_from)
    if not first < second:
        raise DataError(f"split: validation must start before the test part; they start at {first} and {second}")
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
    """Assign whole groups to the parts by a hash of their name, so that new groups never move old ones.

    `validation` and `test` are shares of the groups. Raises `DataError`, also when two rows in different parts are
    equal in every column but the group.
    """
    if not (0 < validation and 0 < test and validation + test < 1):
        raise DataError(f"split: shares {validation} and {test}: both must be above 0 and their sum below 1")
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
    """Test from `test_from` on; earlier rows go to train and validation by whole groups.

    For data with few dates, where none is left for a validation period. The test part may contain groups of the
    other parts, because it is later. `validation` is a share of the groups. Raises `DataError`.
    """
    if not 0 < validation < 1:
        raise DataError(f"split: the share of validation, {validation}, must be between 0 and 1")
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
    """Check that a split does not leak, and return it.

    Refuses empty parts, parts that overlap in time, a group in two parts, and rows of two parts with equal values
    in every column but the group. Raises `DataError`, which names the parts.
    """
    parts = {name: getattr(split, name) for name in PARTS}
    for name, part in parts.items():
        if part.empty:
            raise DataError(f"split: the {name} part is empty; give more data or move the boundaries")
    for early, late in (("train", "validation"), ("validation", "test"), ("train", "test")):
        left, right = parts[early], parts[late]
        if time_column and not left[time_column].max() < right[time_column].min():
            raise DataError(
                f"split: {early} and {late} overlap in {time_column!r}, which leaks the future; split by it"
            )
        if group_column:
            shared = set(left[group_column]) & set(right[group_column])
            if shared:
                raise DataError(
                    f"split: {early} and {late} share {group_column} {min(map(str, shared))!r}; keep groups whole"
                )
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
            f"split: {len(again)} rows of {late} are also in {early} (the first has index {again.index[0]}); "
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
