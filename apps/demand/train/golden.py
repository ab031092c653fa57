"""Questions for golden rows, and feature rows for the parity check."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.demand.schema import DemandQuestion
from apps.demand.serve.columns import FEATURES
from apps.demand.serve.features import EPOCH, row
from apps.demand.train.data import Schedule
from apps.demand.train.graph import LAST_DAY
from apps.demand.train.tables import Tables

__all__ = ["Events", "golden", "parity_rows"]

Floats = npt.NDArray[np.float64]
Events = Mapping[datetime.date, tuple[int, ...]]

GOLDEN_ROWS = 32
PARITY_ROWS = 1200
FREE = 3
"""Columns that can take any value: series, day and step. The day determines the other columns."""


def golden(names: Sequence[str], last: datetime.date, schedule: Schedule) -> list[DemandQuestion]:
    """Return questions about every series at horizons from first to longest, alternating horizon and date."""
    horizons = np.linspace(1, schedule.steps, GOLDEN_ROWS).astype(int).tolist()
    found = []
    for number, horizon in enumerate(horizons):
        name = names[number % len(names)]
        if number % 2:
            found.append(DemandQuestion(series=name, date=schedule.back(last, -horizon)))
        else:
            found.append(DemandQuestion(series=name, horizon=horizon))
    return found


def parity_rows(frame: pd.DataFrame, tables: Tables, schedule: Schedule, events: Events) -> Floats:
    """Return days of the past and the whole horizon, days around changepoints, extreme rows, then NaN rows.

    `frame` is the whole tidy table. `events` must contain every day up to the end of the horizon.
    """
    first, last = (edge.date().toordinal() - EPOCH for edge in (frame["date"].min(), frame["date"].max()))
    end = schedule.back(frame["date"].max().date(), -schedule.steps).toordinal() - EPOCH
    count = len(tables.scale)
    days = np.unique(np.linspace(first, end, PARITY_ROWS).astype(int))
    rng = np.random.default_rng(7)
    # Repeat the days with other steps until there are enough rows.
    copies = -(-PARITY_ROWS // (len(days) * count))
    rows = [
        _row(
            series,
            int(day),
            max(0, int(day) - last) if copy == 0 else int(rng.integers(schedule.steps + 1)),
            events,
        )
        for copy in range(copies)
        for series in range(count)
        for day in days
    ]
    rows += [
        _row(series, int(day), 0, events)
        for series in range(count)
        for change in tables.start[series] + tables.changes[series] * tables.span[series]
        for day in (np.floor(change), np.ceil(change), np.ceil(change) + 1)
    ]
    return np.concatenate([np.array(rows), _extremes(schedule.steps, events), _missing(rows[0])])


def _row(series: int, day: int, step: int, events: Events) -> list[float]:
    return row(series, datetime.date.fromordinal(day + EPOCH), step, events)


def _extremes(steps: int, events: Events) -> Floats:
    """Return rows with each free column far out of range; the day is clipped, and its season columns match."""
    ends = {1e30: int(LAST_DAY), -1e30: 0, -1.0: 0, LAST_DAY + 1: int(LAST_DAY)}
    rows = []
    for value, day in ends.items():
        for column in range(FREE):
            one = _row(0, day if column == 1 else int(LAST_DAY), steps, events)
            one[column] = value
            rows.append(one)
    return np.array(rows)


def _missing(one: list[float]) -> Floats:
    """Return rows with NaN and infinity in each single column and in all columns."""
    rows = np.tile(np.array(one), (2 * len(FEATURES) + 1, 1))
    for column in range(len(FEATURES)):
        rows[2 * column, column] = np.nan
        rows[2 * column + 1, column] = np.inf
    rows[-1] = np.nan
    return rows
