"""Splits labelled rows in two: on one part the naive baselines are fitted, on the other the model is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.added.errors import AddError
from training.added.truth.given import Truth
from training.data.split import by_group, by_time
from training.errors import DataError
from training.recipe import Split

__all__ = ["LEAST_BLOCKS", "Cut", "cut", "row_before"]

HELD_OUT = 0.5
"""The share that is held out. A baseline is a single number and needs few rows; an interval needs many."""
LEAST_BLOCKS, TIME_BLOCKS = 10, 20
"""Fewest blocks for an interval, and the blocks that the held-out time is cut into."""
LEAST_TIMES = 3

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """Numbers of rows of a sample."""

    fitted: Rows
    """The baselines are fitted on them."""
    held_out: Rows
    """The model is measured on them."""
    blocks: npt.NDArray[np.object_]
    """The block of each held-out row: rows that depend on each other, which the bootstrap draws together."""
    description: dict[str, Any]
    """As `split` of a manifest."""


def cut(truth: Truth) -> Cut:
    """Hold out the later half of the time, else about half of the groups, else about half of the rows.

    Groups and rows are drawn by a hash of their content: equal rows stay together, and rows of a longer sample
    stay where they were. Raises `AddError` when too little is left for an interval.
    """
    if truth.times is not None:
        column, kind, parts = truth.time, "time", _by_time(truth.time, truth.times)
    elif truth.groups is not None:
        column, kind, parts = truth.group, "group", _drawn(truth.groups, f"groups of {truth.group!r}")
    else:
        column, kind, parts = "", "random", _drawn(truth.keys, "different rows")
    fitted = np.sort(np.concatenate([parts.train["row"], parts.validation["row"]]))
    held_out = np.sort(parts.test["row"].to_numpy(np.int64))
    blocks = _blocks(truth, held_out)
    if (count := len(set(blocks))) < LEAST_BLOCKS:
        what = {"time": "times", "group": f"groups of {column!r}", "random": "different rows"}[kind]
        raise _too_few(f"{count} {what} are held out; an interval needs {LEAST_BLOCKS}")
    description = {"kind": kind, "column": column, "label": truth.label}
    if kind == "time" and truth.group:
        description["group"] = truth.group
    return Cut(fitted, held_out, blocks, {**description, "data": truth.source, "data_sha256": truth.sha256})


def row_before(truth: Truth) -> Rows | None:
    """The row before each row in time, -1 for none; None unless the rows are series, with one row at a time.

    With groups, each is a series of its own.
    """
    if truth.times is None:
        return None
    series = np.zeros(len(truth.times), np.int64) if truth.groups is None else pd.factorize(truth.groups)[0]
    order = np.lexsort([truth.times, series])
    same = series[order][1:] == series[order][:-1]
    if (same & (truth.times[order][1:] == truth.times[order][:-1])).any():
        return None
    before = np.full(len(order), -1, np.int64)
    before[order[1:][same]] = order[:-1][same]
    return before


def _by_time(name: str, times: Rows) -> Split:
    last = int(times.max())
    if last + 1 < LEAST_TIMES:
        raise _too_few(f"the column {name!r} has {last + 1} different times")
    middle = int(np.clip(np.sort(times)[len(times) // 2], LEAST_TIMES - 1, last))
    # The times of the sample may be numbers of any size; their places are always dates.
    moments = pd.to_datetime(times, unit="s")
    frame = pd.DataFrame({"row": np.arange(len(times)), "time": moments})
    earlier, later = (pd.Timestamp(place, unit="s") for place in (max(1, middle // 2), middle))
    return by_time(frame, "time", earlier, later)


def _drawn(names: npt.NDArray[np.object_], what: str) -> Split:
    frame = pd.DataFrame({"row": np.arange(len(names)), "name": names})
    try:
        return by_group(frame, "name", validation=(1 - HELD_OUT) / 2, test=HELD_OUT)
    except DataError as cause:
        raise _too_few(f"the sample has {len(set(names))} {what}") from cause


def _blocks(truth: Truth, held_out: Rows) -> npt.NDArray[np.object_]:
    if truth.times is None:
        names = truth.keys if truth.groups is None else truth.groups
        return names[held_out]
    _, places = np.unique(truth.times[held_out], return_inverse=True)
    count = int(places.max()) + 1
    numbers = places * min(TIME_BLOCKS, count) // count
    return np.array([str(number) for number in numbers], object)


def _too_few(found: str) -> AddError:
    return AddError(
        f"--label: {found}. Give more rows, split them otherwise, or leave out --label: "
        "the model is then added without being judged"
    )
