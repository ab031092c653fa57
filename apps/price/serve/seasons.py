"""Calendar columns of a day and the crop that reaches the markets then, from lookup tables."""

from __future__ import annotations

import datetime

import numpy as np
import numpy.typing as npt

__all__ = ["DAY", "HARVEST", "SEASONS", "crop_of", "place_in_year"]

LEAN, KHARIF, LATE_KHARIF, RABI = range(4)
SEASONS: dict[str, tuple[int, ...]] = {
    # January to December: the crop that reaches the markets.
    "general": (1, 1, 3, 3, 3, 0, 0, 0, 0, 1, 1, 1),
    "onion": (2, 2, 2, 3, 3, 3, 0, 0, 0, 1, 1, 1),
    "tomato": (3, 3, 3, 3, 0, 0, 1, 1, 1, 1, 2, 2),
    "potato": (3, 3, 3, 0, 0, 0, 0, 1, 1, 1, 0, 3),
    "cotton": (1, 1, 2, 2, 0, 0, 0, 0, 0, 1, 1, 1),
}
"""Harvest season by month: 0 lean, 1 kharif, 2 late kharif, 3 rabi."""
_CROPS = {crop: row for row, crop in enumerate(SEASONS)}
HARVEST = np.array([(0, *months) for months in SEASONS.values()], dtype=np.float64)
"""[crop, month]: harvest season; months count from 1."""

DAY = ("weekday", "month", "sin", "cos")
"""Columns of `place_in_year`."""
_CYCLE = 146_097
"""Days after which the Gregorian calendar repeats, including weekdays: 400 years."""


def crop_of(commodity: str) -> int:
    """Return the row of `SEASONS` for a commodity; 0, the general row, if it has no row of its own."""
    return _CROPS.get(commodity, 0)


def place_in_year(days: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """Return weekday, month, and sine and cosine of the position in the year of proleptic ordinals; [..., 4]."""
    return _CALENDAR.take(days, axis=0, mode="wrap")


def _calendar() -> npt.NDArray[np.float32]:
    """Return one row per day of the cycle; the row is the ordinal modulo the cycle."""
    ordinals = np.arange(_CYCLE, 2 * _CYCLE)
    dates = (ordinals - datetime.date(1970, 1, 1).toordinal()).astype("datetime64[D]")
    month = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    angle = (2 * np.pi / 365.25) * (dates - dates.astype("datetime64[Y]")).astype(np.float64)
    return np.stack(((ordinals - 1) % 7, month, np.sin(angle), np.cos(angle)), axis=1, dtype=np.float32)


_CALENDAR = _calendar()
