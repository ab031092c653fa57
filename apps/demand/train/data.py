"""Demand tables: conversion of known layouts to a tidy table (series, date, demand, unit), schema and split.

This module also defines the rolling origins of the backtest for daily and monthly series. An origin is a number
of steps before the last day (or month) of the table. A forecast from origin `back` uses all data except the last
`back` steps. The six latest origins of each horizon evaluate the model. Earlier origins, whose true values all
lie before these, select the plan. The four preceding origins set the interval level of each origin.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pandera.pandas as pa

from apps.demand.schema import MAX_DAYS, MAX_MONTHS, Frequency
from apps.demand.serve.features import ahead
from training.data.split import by_time
from training.errors import BadValue, DataError
from training.recipe import RecipeOptions, Split

__all__ = ["FORBIDDEN", "ORIGINS", "SCHEDULES", "SCHEMA", "Schedule", "cut", "schedule_of", "tidy"]

ORIGINS = 6
"""Number of rolling origins per horizon."""
CHOOSING = 4
"""Number of origins that select the plan, and number of origins that set the interval level."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Backtest schedule of a daily or monthly series. All numbers are steps of the series: days or months."""

    frequency: Frequency
    horizons: tuple[int, ...]
    spacing: int
    """Steps between two origins; every horizon is a multiple of it."""
    season: int
    """Length of the season for the seasonal-naive forecast."""
    block: int
    """Block length of the bootstrap."""
    least: int
    """Minimum length of a series."""

    @property
    def steps(self) -> int:
        """Longest horizon."""
        return self.horizons[-1]

    @property
    def held_out(self) -> int:
        """Number of steps in the test part."""
        return self.steps + (ORIGINS - 1) * self.spacing

    def origins(self, horizon: int) -> tuple[int, ...]:
        """Return the six origins that evaluate `horizon`, latest first."""
        return tuple(horizon + number * self.spacing for number in range(ORIGINS))

    @property
    def judged(self) -> tuple[int, ...]:
        """All origins of the test part."""
        return tuple(range(self.horizons[0], self.held_out + 1, self.spacing))

    @property
    def choosing(self) -> tuple[int, ...]:
        """Origins of the validation part. Their true values end where the test part begins."""
        return tuple(self.held_out + number * self.spacing for number in range(1, CHOOSING + 1))

    def setting(self, origin: int) -> tuple[int, ...]:
        """Return the origins that set the interval level at `origin`; their true values are known by then."""
        return tuple(origin + number * self.spacing for number in range(1, CHOOSING + 1))

    def back(self, last: datetime.date, steps: int) -> datetime.date:
        """Return the day or month `steps` before `last`."""
        return ahead(last, -steps, self.frequency)


SCHEDULES: dict[str, Schedule] = {
    "day": Schedule(frequency="day", horizons=(30, 60, MAX_DAYS), spacing=30, season=7, block=14, least=2 * 365),
    "month": Schedule(
        frequency="month", horizons=(3, 6, MAX_MONTHS), spacing=3, season=12, block=1, least=5 * 12 + 3
    ),
}
"""By frequency."""

FORBIDDEN = ("casual", "registered", "weathersit", "temp", "atemp", "hum", "windspeed")
"""Components of the target, and same-day weather. They are unknown 30 days in advance."""
DATES = ("date", "ds", "dteday")
VALUES = ("demand", "y", "cnt")
HOUR = "hr"
UNIT = "units"
LATE_DAYS = 31
"""A series that ends more than this long before the latest one has ended."""
LEAST_BEFORE = 7
"""Fewest earlier days that show how many hours a day has."""
POOR = 0.05
"""The quantile of the earlier days that is a poor day."""
WHOLE = 0.9
"""A last day with fewer hours than this share of a poor day lacks hours."""
LOW = 0.2
"""A last value below this share of a poor day or month is worth a note."""

SCHEMA = pa.DataFrameSchema(
    {
        "series": pa.Column(str, pa.Check.str_length(1, 64)),
        "date": pa.Column(
            "datetime64[ns]", [pa.Check.ge(pd.Timestamp("1975-01-01")), pa.Check.le(pd.Timestamp("2200-01-01"))]
        ),
        "demand": pa.Column(float, [pa.Check.ge(0), pa.Check.le(1e12)]),
        "unit": pa.Column(str, pa.Check.str_length(1, 32)),
    },
    strict=True,
    unique=["series", "date"],
)


def tidy(raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
    """Return one row per series and day (or month), sorted.

    Hourly values are summed by day, and rows without a value are dropped. A last day that lacks hours is left out.
    `--series NAME` selects a series of the table; if the table has no series column, it names the only series. All
    series end on the last day that every series has. Raises `DataError`.
    """
    frame = _renamed(raw, options)
    hourly = HOUR in raw
    frame["date"] = _dates(frame["date"])
    frame["demand"] = _numbers(frame["demand"])
    known = frame[frame["demand"].notna()]
    dropped = {"without a value": len(frame) - len(known)}
    known, notes = _whole_days(known) if hourly else (known, [])
    known = _ended_alike(known).sort_values(["series", "date"], kind="stable")
    known.attrs["dropped"] = dropped
    known.attrs["notes"] = notes + _low_ends(known)
    known.attrs["unused"] = _unused(raw)
    return known[["series", "date", "demand", "unit"]]


def schedule_of(frame: pd.DataFrame) -> Schedule:
    """Return the monthly schedule if every date is the first of a month, otherwise the daily schedule."""
    return SCHEDULES["month" if (frame["date"].dt.day == 1).all() else "day"]


def cut(frame: pd.DataFrame) -> Split:
    """Split by date: rolling origins in the test part evaluate the model; validation selects the plans.

    Raises `DataError` if a series is too short or constant.
    """
    schedule = schedule_of(frame)
    for name, part in frame.groupby("series"):
        span = len(pd.period_range(part["date"].min(), part["date"].max(), freq=schedule.frequency[0].upper()))
        if span < schedule.least or len(part) < schedule.least / 2:
            raise DataError(
                f"series {name!r} has {len(part)} values over {span} {schedule.frequency}s; at least "
                f"{schedule.least} {schedule.frequency}s are needed for a backtest"
            )
        if part["demand"].nunique() == 1:
            raise DataError(
                f"series {name!r} is {part['demand'].iloc[0]:g} throughout; a forecast needs values that vary"
            )
    last = frame["date"].max().date()
    test_from, validation_from = (
        schedule.back(last, steps - 1) for steps in (schedule.held_out, schedule.choosing[-1])
    )
    made = by_time(frame, "date", pd.Timestamp(validation_from), pd.Timestamp(test_from))
    return Split(
        train=made.train,
        validation=made.validation,
        test=made.test,
        description={
            **made.description,
            "frequency": schedule.frequency,
            "origins": {str(horizon): _origins(schedule, last, horizon) for horizon in schedule.horizons},
            "dropped_in_tidy": frame.attrs.get("dropped", {}),
        },
    )


def _origins(schedule: Schedule, last: datetime.date, horizon: int) -> list[str]:
    return [schedule.back(last, back).isoformat() for back in schedule.origins(horizon)]


def _renamed(raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
    date, value = (next((name for name in names if name in raw), "") for names in (DATES, VALUES))
    if not date or not value:
        raise DataError(
            f"columns {', '.join(map(str, raw.columns))} match no known layout; expected one of "
            f"{', '.join(DATES)}, one of {', '.join(VALUES)}, and optionally series and unit"
        )
    wanted = options.select.get("series", "").strip()
    frame = pd.DataFrame({"date": raw[date], "demand": raw[value]})
    frame["unit"] = raw["unit"].map(lambda text: str(text).strip()) if "unit" in raw else UNIT
    if "series" not in raw:
        return frame.assign(series=wanted or "all")
    frame["series"] = raw["series"].map(lambda text: str(text).strip())
    if not wanted:
        return frame
    chosen = frame[frame["series"] == wanted].copy()
    if chosen.empty:
        raise DataError(f"no row has the series {wanted!r}; there are: {', '.join(sorted(set(frame['series'])))}")
    return chosen


def _unused(raw: pd.DataFrame) -> list[str]:
    used = [next((name for name in names if name in raw), "") for names in (DATES, VALUES)]
    return [str(name) for name in raw.columns if name not in (*used, "series", "unit", HOUR)]


def _whole_days(hours: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the sums by day, and a sentence for each series whose last day lacks hours and is left out."""
    days = hours.groupby(["series", "date", "unit"], sort=False)["demand"].agg(["sum", "size"]).reset_index()
    notes = []
    for name, part in days.groupby("series", sort=False):
        part = part.sort_values("date")
        last, hours_of_last = part["date"].iloc[-1], int(part["size"].iloc[-1])
        before = part["size"].iloc[:-1]
        if len(before) >= LEAST_BEFORE and hours_of_last < WHOLE * before.quantile(POOR):
            days = days.drop(part.index[-1])
            notes.append(
                f"series {name!r}: the last day, {last.date()}, has {hours_of_last} hours of "
                f"{before.median():.0f}; it is left out"
            )
    return days.drop(columns="size").rename(columns={"sum": "demand"}), notes


def _low_ends(frame: pd.DataFrame) -> list[str]:
    """Return a sentence for each series whose last value looks like that of a day or month that is not over."""
    notes = []
    for name, part in frame.groupby("series", sort=False):
        season = schedule_of(part).season
        before = part["demand"].iloc[-4 * season - 1 : -1]
        usual = before.quantile(POOR)
        if len(before) >= season and part["demand"].iloc[-1] < LOW * usual:
            notes.append(
                f"column 'demand': the last value of series {name!r}, {part['demand'].iloc[-1]:g} on "
                f"{part['date'].iloc[-1].date()}, is far below those before, {before.median():g}; leave it out if "
                "that time is not over"
            )
    return notes


def _ended_alike(frame: pd.DataFrame) -> pd.DataFrame:
    """Cut all series at the last day they have in common. Raises `DataError` if a series has ended."""
    ends = frame.groupby("series")["date"].max()
    if ends.empty:
        return frame
    over = ends[ends < ends.max() - pd.Timedelta(days=LATE_DAYS)]
    if len(over):
        raise DataError(
            f"series {over.index[0]!r} ends on {over.iloc[0].date()}, the table on {ends.max().date()}; remove "
            "series that have ended"
        )
    alike: pd.DataFrame = frame.loc[frame["date"] <= ends.min()]
    return alike


def _dates(column: pd.Series[Any]) -> pd.Series[Any]:
    dates = pd.to_datetime(column, errors="coerce", format="ISO8601")
    _refuse(column, dates.isna(), "date", "a date such as 2024-06-28")
    # Use the local date, whatever the UTC offset.
    return dates.dt.tz_localize(None).dt.normalize().astype("datetime64[ns]")


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    numbers = pd.to_numeric(column, errors="coerce")
    _refuse(column, numbers.isna() & column.notna(), "demand", "a number or an empty cell")
    return numbers.astype(float)


def _refuse(column: pd.Series[Any], wrong: pd.Series[Any], name: str, wanted: str) -> None:
    if wrong.any():
        where = int(wrong.to_numpy().argmax())
        raise BadValue(int(column.index[where]), name, column.iloc[where], wanted)
