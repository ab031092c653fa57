"""Demand tables: known layouts to one tidy table (series, date, demand, unit), its schema and the split.

Also where the rolling origins of a backtest lie, for daily and monthly series. An origin is counted back from the
last day (or month) of the table: a forecast from `back` sees everything but the last `back` steps. Each horizon is
judged on its six latest origins. The plan is chosen on earlier origins, whose truths lie before all of those. Each
origin's interval gets its level from the four origins before it.
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
"""Rolling origins per horizon."""
CHOOSING = 4
"""Origins that the plan is chosen on, and that the level of an interval is set by."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How a daily or monthly series is backtested. All numbers are steps of the series: days or months."""

    frequency: Frequency
    horizons: tuple[int, ...]
    spacing: int
    """The steps between two origins; divides the horizons."""
    season: int
    """The length of the season that seasonal-naive repeats."""
    block: int
    """The length of a block of the bootstrap."""
    least: int
    """The shortest series that can be judged."""

    @property
    def steps(self) -> int:
        """Longest horizon."""
        return self.horizons[-1]

    @property
    def held_out(self) -> int:
        """Steps of the test part."""
        return self.steps + (ORIGINS - 1) * self.spacing

    def origins(self, horizon: int) -> tuple[int, ...]:
        """The six origins that `horizon` is judged on, the latest first."""
        return tuple(horizon + number * self.spacing for number in range(ORIGINS))

    @property
    def judged(self) -> tuple[int, ...]:
        """All origins of the test part."""
        return tuple(range(self.horizons[0], self.held_out + 1, self.spacing))

    @property
    def choosing(self) -> tuple[int, ...]:
        """Origins of the validation part; what they are measured on ends where the test part begins."""
        return tuple(self.held_out + number * self.spacing for number in range(1, CHOOSING + 1))

    def setting(self, origin: int) -> tuple[int, ...]:
        """The origins whose truths known at `origin` set the level of its intervals."""
        return tuple(origin + number * self.spacing for number in range(1, CHOOSING + 1))

    def back(self, last: datetime.date, steps: int) -> datetime.date:
        """The day or month `steps` before `last`."""
        return ahead(last, -steps, self.frequency)


SCHEDULES: dict[str, Schedule] = {
    "day": Schedule(frequency="day", horizons=(30, 60, MAX_DAYS), spacing=30, season=7, block=14, least=2 * 365),
    "month": Schedule(
        frequency="month", horizons=(3, 6, MAX_MONTHS), spacing=3, season=12, block=1, least=5 * 12 + 3
    ),
}
"""By frequency."""

FORBIDDEN = ("casual", "registered", "weathersit", "temp", "atemp", "hum", "windspeed")
"""Parts of the target, and the weather of the day itself: nobody knows them 30 days before."""
DATES = ("date", "ds", "dteday")
VALUES = ("demand", "y", "cnt")
HOUR = "hr"
UNIT = "units"
LATE_DAYS = 31
"""Series that end further before the latest are over."""

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
    """One row per series and day (or month), sorted. Hours are summed by day; rows without a value are dropped.

    `--series NAME` chooses a series of the table, or names the only one of a table without that column. All series
    are cut at the last day that all of them have. Raises `DataError`.
    """
    frame = _renamed(raw, options)
    hourly = HOUR in raw
    frame["date"] = _dates(frame["date"], hourly)
    frame["demand"] = _numbers(frame["demand"])
    known = frame[frame["demand"].notna()]
    dropped = {"without a value": len(frame) - len(known)}
    if hourly:
        known = known.groupby(["series", "date", "unit"], sort=False)[["demand"]].sum().reset_index()
    known = _ended_alike(known).sort_values(["series", "date"], kind="stable")
    known.attrs["dropped"] = dropped
    return known[["series", "date", "demand", "unit"]]


def schedule_of(frame: pd.DataFrame) -> Schedule:
    """Monthly when every date is the first of a month, else daily."""
    return SCHEDULES["month" if (frame["date"].dt.day == 1).all() else "day"]


def cut(frame: pd.DataFrame) -> Split:
    """By date: the test part is where the rolling origins are judged, validation where plans are chosen.

    Raises `DataError` when a series is too short for that, or never changes.
    """
    schedule = schedule_of(frame)
    for name, part in frame.groupby("series"):
        span = len(pd.period_range(part["date"].min(), part["date"].max(), freq=schedule.frequency[0].upper()))
        if span < schedule.least or len(part) < schedule.least / 2:
            raise DataError(
                f"series {name!r} has {len(part)} values over {span} {schedule.frequency}s; at least "
                f"{schedule.least} {schedule.frequency}s are needed to judge forecasts from rolling origins"
            )
        if part["demand"].nunique() == 1:
            raise DataError(
                f"series {name!r} is {part['demand'].iloc[0]:g} throughout; there is nothing to forecast"
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
            f"columns {', '.join(map(str, raw.columns))} are no known layout; expected one of {', '.join(DATES)}, "
            f"one of {', '.join(VALUES)}, and where there are several, series and unit"
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


def _ended_alike(frame: pd.DataFrame) -> pd.DataFrame:
    """Cut at the last day that all series have reached. Raises `DataError` for a series that is over."""
    ends = frame.groupby("series")["date"].max()
    if ends.empty:
        return frame
    over = ends[ends < ends.max() - pd.Timedelta(days=LATE_DAYS)]
    if len(over):
        raise DataError(
            f"series {over.index[0]!r} ends on {over.iloc[0].date()}, the table on {ends.max().date()}; leave out "
            "series that are over"
        )
    alike: pd.DataFrame = frame.loc[frame["date"] <= ends.min()]
    return alike


def _dates(column: pd.Series[Any], hourly: bool) -> pd.Series[Any]:
    dates = pd.to_datetime(column, errors="coerce", format="ISO8601")
    if hourly and dates.isna().all():
        dates = pd.to_datetime(column, errors="coerce", format="%m/%d/%Y")
    _refuse(column, dates.isna(), "date", "a date such as 2024-06-28")
    # A day is the day it is called where it was counted, whatever its offset.
    return dates.dt.tz_localize(None).dt.normalize().astype("datetime64[ns]")


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    numbers = pd.to_numeric(column, errors="coerce")
    _refuse(column, numbers.isna() & column.notna(), "demand", "a number or nothing")
    return numbers.astype(float)


def _refuse(column: pd.Series[Any], wrong: pd.Series[Any], name: str, wanted: str) -> None:
    if wrong.any():
        where = int(wrong.to_numpy().argmax())
        raise BadValue(int(column.index[where]), name, column.iloc[where], wanted)
