"""Whether the rows of a table are series in time, one row for each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from control.new.from_file.columns import Column, times_of

__all__ = ["LEAST_LENGTH", "UNITS", "Steps", "steps_of"]

REGULAR = 0.6
"""Least share of the steps that have the usual length."""
LEAST_LENGTH = 70
"""Fewest rows of the median series."""
SHARE = 6
"""A window is at most this part of the median series."""
MOST_SERIES = 200
UNITS: dict[str, tuple[pd.Timedelta, int, int]] = {
    "minute": (pd.Timedelta(minutes=1), 1, 30),
    "five-minute step": (pd.Timedelta(minutes=5), 1, 24),
    "ten-minute step": (pd.Timedelta(minutes=10), 1, 24),
    "quarter hour": (pd.Timedelta(minutes=15), 96, 96),
    "half hour": (pd.Timedelta(minutes=30), 48, 48),
    "hour": (pd.Timedelta(hours=1), 24, 24),
    "day": (pd.Timedelta(days=1), 7, 14),
    "week": (pd.Timedelta(weeks=1), 1, 8),
}
"""Unit -> its length, the steps of a season, and the past values that a forecast reads."""
MONTH = (pd.Timedelta(days=28), pd.Timedelta(days=31))


@dataclass(frozen=True)
class Steps:
    """Series of values at equal steps."""

    time: Column
    series: Column | None
    """The column that names the series; None for a single one."""
    unit: str
    """One of `UNITS`, or month."""
    season: int
    """The steps of a season; 1 for none."""
    lags: int
    """The past values that a forecast reads."""
    whole_days: bool
    names: tuple[str, ...]


def steps_of(frame: pd.DataFrame, time: Column, others: Sequence[Column]) -> Steps | None:
    """The series with times in that column; None if the rows do not follow each other in equal steps."""
    times = times_of(frame[time.name]) if time.role == "time" and not time.missing else None
    if times is None:
        return None
    names = [c for c in others if not c.missing and 1 < c.distinct <= MOST_SERIES]
    named = [c for c in names if c.role in ("category", "identifier", "useless")]
    numbered = [c for c in names if c.role == "number" and c.type == "int"]
    for series in (None, *named, *numbered):
        keys = pd.Series("", frame.index) if series is None else frame[series.name].astype(str)
        if not pd.DataFrame({"key": keys, "time": times}).duplicated().any():
            return _steps(time, series, keys, times)
    return None


def _steps(time: Column, series: Column | None, keys: pd.Series[Any], times: pd.Series[Any]) -> Steps | None:
    ordered = pd.DataFrame({"key": keys, "time": times}).sort_values(["key", "time"])
    steps = ordered.groupby("key")["time"].diff().dropna()
    length = int(ordered.groupby("key").size().median())
    if steps.empty or length < LEAST_LENGTH:
        return None
    unit, season, lags = _unit(steps)
    if not unit:
        return None
    whole_days = bool((times == times.dt.normalize()).all())
    lags = min(lags, length // SHARE)
    names = tuple(sorted(keys.unique())) if series is not None else ()
    return Steps(time, series, unit, season if season <= lags else 1, lags, whole_days, names)


def _unit(steps: pd.Series[Any]) -> tuple[str, int, int]:
    for unit, (length, season, lags) in UNITS.items():
        if (steps == length).mean() >= REGULAR:
            return unit, season, lags
    if steps.between(*MONTH).mean() >= REGULAR:
        return "month", 12, 12
    return "", 1, 1
