"""Demand tables: known layouts to one tidy table (series, date, demand, unit), its schema and the split."""

from __future__ import annotations

import datetime
from typing import Any

import pandas as pd
import pandera.pandas as pa

from serving.apps.demand.recipe_pace import PACES, Pace
from training.contract import Options, Split
from training.errors import BadValue, DataError
from training.split import by_time

__all__ = ["FORBIDDEN", "SCHEMA", "cut", "pace_of", "tidy"]

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


def tidy(raw: pd.DataFrame, options: Options) -> pd.DataFrame:
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


def pace_of(frame: pd.DataFrame) -> Pace:
    """Monthly when every date is the first of a month, else daily."""
    return PACES["month" if (frame["date"].dt.day == 1).all() else "day"]


def cut(frame: pd.DataFrame) -> Split:
    """By date: the test part is where the rolling origins are judged, validation where plans are chosen.

    Raises `DataError` when a series is too short for that, or never changes.
    """
    pace = pace_of(frame)
    for name, part in frame.groupby("series"):
        span = len(pd.period_range(part["date"].min(), part["date"].max(), freq=pace.frequency[0].upper()))
        if span < pace.least or len(part) < pace.least / 2:
            raise DataError(
                f"series {name!r} has {len(part)} values over {span} {pace.frequency}s; at least {pace.least} "
                f"{pace.frequency}s are needed to judge forecasts from rolling origins"
            )
        if part["demand"].nunique() == 1:
            raise DataError(
                f"series {name!r} is {part['demand'].iloc[0]:g} throughout; there is nothing to forecast"
            )
    last = frame["date"].max().date()
    test_from, validation_from = (pace.back(last, steps - 1) for steps in (pace.held_out, pace.choosing[-1]))
    made = by_time(frame, "date", pd.Timestamp(validation_from), pd.Timestamp(test_from))
    return Split(
        train=made.train,
        validation=made.validation,
        test=made.test,
        description={
            **made.description,
            "frequency": pace.frequency,
            "origins": {str(horizon): _origins(pace, last, horizon) for horizon in pace.horizons},
            "dropped_in_tidy": frame.attrs.get("dropped", {}),
        },
    )


def _origins(pace: Pace, last: datetime.date, horizon: int) -> list[str]:
    return [pace.back(last, back).isoformat() for back in pace.origins(horizon)]


def _renamed(raw: pd.DataFrame, options: Options) -> pd.DataFrame:
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
