"""Indian holidays and festival windows: Prophet's holiday table, and the calendar in a version's context.

Training takes the days from the `holidays` package. For movable feasts in future years, the package only
estimates the day.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import pandas as pd

from apps.demand.serve.columns import EVENTS
from training.errors import DataError

__all__ = ["COUNTRY", "FESTIVALS", "calendar_of", "festivals", "windows"]

COUNTRY = "IN"
FESTIVALS: dict[str, tuple[str, int, int]] = {
    "republic day": ("Republic Day", 0, 0),
    "holi": ("Holi", -2, 1),
    "eid al-fitr": ("Eid al-Fitr", -3, 1),
    "eid al-adha": ("Eid al-Adha", -2, 1),
    "makar sankranti": ("Makar Sankranti", -1, 1),
    "independence day": ("Independence Day", 0, 0),
    "raksha bandhan": ("Raksha Bandhan", -1, 0),
    "dussehra": ("Dussehra", -2, 0),
    "diwali": ("Diwali", -6, 2),
    "gandhi jayanti": ("Mahatma Gandhi's Birthday", 0, 0),
    "christmas": ("Christmas", -1, 0),
    "new year": ("New Year's Day", -1, 0),
}
"""Festival name to the package's name for the day, and the first and last day offset of its window."""


@cache
def festivals(first_year: int, last_year: int) -> pd.DataFrame:
    """Return Prophet's table of holidays: holiday, ds, lower_window, upper_window. Do not modify the result."""
    import holidays

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns if the day of a feast is an estimate
        found = holidays.country_holidays(
            COUNTRY, years=range(first_year, last_year + 1), categories=("public", "optional"), language="en_US"
        )
        days = [(date, set(found.get_list(date))) for date in sorted(found)]
    rows = [
        {"holiday": name, "ds": pd.Timestamp(date), "lower_window": low, "upper_window": high}
        for name, (label, low, high) in FESTIVALS.items()
        for date, labels in days
        if any(text.removesuffix(" (estimated)") == label for text in labels)
    ]
    return pd.DataFrame(rows, columns=["holiday", "ds", "lower_window", "upper_window"])


def windows(first_year: int, last_year: int) -> Iterator[tuple[str, datetime.date, int]]:
    """Yield the festival, the day and the day's offset from the feast for every day of every window."""
    table = festivals(first_year, last_year)
    for name, day in zip(table["holiday"], table["ds"], strict=True):
        _, low, high = FESTIVALS[name]
        for offset in range(low, high + 1):
            yield name, day.date() + datetime.timedelta(days=offset), offset


def calendar_of(
    names: Sequence[str], first: datetime.date, last: datetime.date, years: tuple[int, int]
) -> Mapping[datetime.date, tuple[int, ...]]:
    """Return the effects of each day from `first` to `last`, as positions in `names`, counted from 1.

    `names` are Prophet's column names, such as `diwali_delim_-1`. Raises `DataError` if a day has more effects
    than the model has inputs.
    """
    places = {name: place for place, name in enumerate(names, 1)}
    found: dict[datetime.date, set[int]] = {}
    for name, date, offset in windows(*years):
        place = places.get(f"{name}_delim_{'+' if offset >= 0 else '-'}{abs(offset)}")
        if place and first <= date <= last:
            found.setdefault(date, set()).add(place)
    for date, effects in found.items():
        if len(effects) > EVENTS:
            raise DataError(f"{date} has {len(effects)} holiday effects; the model has inputs for {EVENTS}")
    return {date: tuple(sorted(found[date])) for date in sorted(found)}
