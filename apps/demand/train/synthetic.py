"""Synthetic daily demand, used if no data is given: the same seed gives the same table, bit for bit.

Each commodity has a drifting level, a yearly seasonality, a weekly seasonality that changes in harvest time,
festivals, and daily noise. As in real tables, some days are missing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.demand.serve.columns import KHARIF
from apps.demand.train.calendar import windows

__all__ = ["COMMODITIES", "DAYS", "generate"]

Floats = npt.NDArray[np.float64]

COMMODITIES: dict[str, tuple[float, float, int]] = {
    "onion": (420.0, 0.18, 300),
    "tomato": (350.0, 0.25, 160),
}
"""Name to mean tonnes per day, share of the yearly swing, and day of the year with the peak."""
FIRST_DAY = "2022-01-01"
DAYS = 3 * 365 + 1
WEEK = np.array([1.10, 1.02, 0.98, 0.97, 1.03, 1.12, 0.78])
"""Factors from Monday to Sunday."""
FEAST = 0.15


def generate(seed: int) -> pd.DataFrame:
    """Return about 2,200 rows: date, series, demand (tonnes), unit."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range(FIRST_DAY, periods=DAYS, freq="D")
    feasts = _feasts(dates)
    tables = [_series(rng, dates, feasts, name, *shape) for name, shape in COMMODITIES.items()]
    return pd.concat(tables, ignore_index=True)


def _series(
    rng: np.random.Generator,
    dates: pd.DatetimeIndex,
    feasts: Floats,
    name: str,
    level: float,
    swing: float,
    peak: int,
) -> pd.DataFrame:
    years = np.arange(len(dates)) / 365.25
    growth = 1 + 0.05 * years + 0.06 * np.maximum(0, years - 1.5)
    season = 1 + swing * np.cos(2 * np.pi * (dates.dayofyear.to_numpy() - peak) / 365.25)
    week = WEEK[dates.dayofweek.to_numpy()]
    week = np.where(dates.month.isin(KHARIF), 1 + 1.4 * (week - 1), week)
    noise = 1 + rng.normal(0, 0.06, len(dates))
    demand = (level * growth * season * week * (1 + feasts) * noise).round(1)
    table = pd.DataFrame({"date": dates, "series": name, "demand": demand, "unit": "tonnes"})
    keep = rng.random(len(dates)) > 0.01
    keep[[0, -1]] = True
    return table[keep]


def _feasts(dates: pd.DatetimeIndex) -> Floats:
    """Return the extra share of demand on each day, before and during feasts."""
    festive = {date for _, date, _ in windows(dates[0].year, dates[-1].year + 1)}
    extra: Floats = np.where([date.date() in festive for date in dates], FEAST, 0.0)
    return extra
