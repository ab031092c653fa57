"""Backtest with rolling origins: fit on past data, then record forecast, truth and seasonal-naive forecast."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.demand.train.data import Schedule
from apps.demand.train.interval import level_of, spread_of
from apps.demand.train.prophet import Fit, Plan, fit, point
from apps.demand.train.tables import step_size

__all__ = ["History", "Job", "flat", "history", "run", "seasonal_naive"]

Floats = npt.NDArray[np.float64]

FLAT_SEASONS = 4
"""Number of latest seasons of which a flat forecast is the mean."""


class History(msgspec.Struct, frozen=True):
    """One series on its full grid of days or months, with one value per step; NaN means unknown."""

    name: str
    days: Floats
    """[n] days since 1970-01-01."""
    values: Floats
    """[n]"""

    def known(self, count: int, plan: Plan, schedule: Schedule) -> Fit:
        """Return the data for a fit on the first `count` steps."""
        rows = np.flatnonzero(np.isfinite(self.values[:count]))
        return Fit(self.days[rows].astype(int).tolist(), self.values[rows].tolist(), plan, schedule.frequency)


class Job(msgspec.Struct, frozen=True):
    """One series, one plan and several origins; the unit of work of a task."""

    history: History
    plan: Plan
    schedule: Schedule
    origins: tuple[int, ...]
    until: int
    """Number of final steps whose true values are ignored."""


def history(frame: pd.DataFrame, schedule: Schedule) -> list[History]:
    """Return the series of a tidy table, sorted by name."""
    found = []
    for name, part in frame.groupby("series", sort=True):
        values = part.set_index("date")["demand"].sort_index().asfreq("D" if schedule.frequency == "day" else "MS")
        days = pd.DatetimeIndex(values.index).to_numpy().astype("datetime64[D]").astype(np.float64)
        found.append(History(str(name), days, values.to_numpy(dtype=np.float64)))
    return found


def run(job: Job) -> pd.DataFrame:
    """Return one row per origin and step with a known true value.

    Columns: series, plan, origin, step, date, actual, predicted, baseline, flat, needed. `needed` is the lowest
    level at which Prophet's interval contains the true value. As in answers, negative forecasts become zero.
    """
    return pd.concat([_forecast(job, origin) for origin in job.origins], ignore_index=True)


def _forecast(job: Job, origin: int) -> pd.DataFrame:
    series, schedule = job.history, job.schedule
    count = len(series.days) - origin
    last = min(count + schedule.steps, len(series.days) - job.until)
    steps = np.arange(1, last - count + 1)
    model = fit(series.known(count, job.plan, schedule))
    yhat, terms = point(model, series.days[count:last])
    spread = spread_of(model, step_size(model, schedule.steps, schedule.frequency == "month"))
    factors, scale = np.abs(1 + terms), float(model.y_scale)
    actual = series.values[count:last]
    predicted = np.maximum(yhat, 0)
    misses = np.nan_to_num(np.abs(actual - yhat)) / scale
    table = pd.DataFrame(
        {
            "series": series.name,
            "plan": job.plan.name,
            "origin": origin,
            "step": steps,
            "date": pd.to_datetime(series.days[count:last], unit="D"),
            "actual": actual,
            "predicted": predicted,
            "baseline": seasonal_naive(series.values[:count], len(steps), schedule.season),
            "flat": flat(series.values[:count], len(steps), schedule.season),
            "needed": level_of(spread, steps, factors, misses),
        }
    )
    known: pd.DataFrame = table.loc[np.isfinite(actual)]
    return known


def flat(values: Floats, steps: int, season: int) -> Floats:
    """Return, for each step ahead, the mean of the known values of the latest four seasons."""
    latest = values[-FLAT_SEASONS * season :]
    known = latest if np.isfinite(latest).any() else values
    return np.full(steps, np.nanmean(known))


def seasonal_naive(values: Floats, steps: int, season: int) -> Floats:
    """Return, for each step ahead, the last known value at the same position in the season."""
    latest = np.full(season, np.nan)
    for place in range(season):
        same = values[len(values) - season + place :: -season]
        known: Sequence[float] = same[np.isfinite(same)].tolist()
        latest[place] = known[0] if known else np.nanmean(values)
    return np.resize(latest, steps)
