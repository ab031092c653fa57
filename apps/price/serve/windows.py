"""Convert questions to windows: sort and check each history and cut it to its latest trading days."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import lt
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.price.schema import STATES, Observation, PriceContext, PriceQuestion
from apps.price.serve.columns import OPTIONAL, WINDOW
from apps.price.serve.seasons import crop_of
from serving.kernel.errors import Invalid

__all__ = ["ARRIVALS", "BEYOND", "DAYS", "PRICES", "REFERENCES", "Windows", "fill", "one_form"]

Floats = npt.NDArray[np.float64]
History = Sequence[Observation]

DAYS = 0
PRICES = 1
REFERENCES = 2
ARRIVALS = 3
"""Rows of `Windows.series`."""
BEYOND = WINDOW
"""The lag after the window's last lag; its day is never known."""
EARLIEST = datetime.date(1990, 1, 1)

_NAN = float("nan")
_PACKERS = tuple(struct.Struct(f"{count}d").pack_into for count in range(WINDOW + 1))
"""By count: writes that many numbers into a buffer, several times as fast as NumPy assignment from a list."""
_WIDTH = sum(map(len, OPTIONAL.values()))
_NUMBERS: dict[object, float] = {None: _NAN, **{name: float(code) for code, name in enumerate(STATES)}}
"""Numeric codes of missing and text values in optional fields."""


@dataclass(slots=True, eq=False)
class Windows:
    """Rows of past trading days, latest first; one row per question."""

    series: Floats
    """[4, n, 91] `DAYS`: proleptic Gregorian ordinals, `PRICES` and `REFERENCES`: INR per quintal, `ARRIVALS`:
    tonnes. Days and prices are NaN before the earliest known day; references and arrivals also if not given. The
    last column is always NaN."""
    horizon: npt.NDArray[np.intp]
    """[n] trading days ahead."""
    crop: npt.NDArray[np.intp]
    """[n] row of `SEASONS`."""
    optional: Floats
    """[n, 12] fields of the optional groups, NaN if absent."""

    def rows(self, chosen: slice | npt.NDArray[np.intp]) -> Windows:
        """Select rows."""
        return Windows(self.series[:, chosen], self.horizon[chosen], self.crop[chosen], self.optional[chosen])


def fill(questions: Sequence[PriceQuestion], context: PriceContext) -> Windows:
    """Sort each question's history and cut it to a window.

    Raises `Invalid` if the version does not serve the commodity, and if a date is before 1990 or repeated.
    """
    count = len(questions)
    series = np.empty((4, count, BEYOND + 1))
    series.fill(_NAN)
    optional = np.empty((count, _WIDTH))
    optional.fill(_NAN)
    referenced = "reference" in context.groups
    groups = [group for group in OPTIONAL if group in context.groups]
    for row, question in enumerate(questions):
        if question.commodity not in context.commodities:
            allowed = ", ".join(context.commodities)
            raise Invalid(
                f"[{row}].commodity", f"{question.commodity!r} is not served by this version; allowed: {allowed}"
            )
        history: History = question.history
        if len(history) > WINDOW and not _ascending(history[: 1 - WINDOW]):
            history = _sorted(history, row)
        if history[0].date < EARLIEST:
            raise _early(history, row, 0)
        _write(series, row, history[: -WINDOW - 1 : -1], referenced)
        if groups:
            optional[row] = _optional(question, groups)
    # Checking all windows at once costs as much as checking one.
    disorder = series[DAYS, :, :-1] <= series[DAYS, :, 1:]
    if np.count_nonzero(disorder):
        for row in np.flatnonzero(disorder.any(axis=1)).tolist():
            _write(series, row, _sorted(questions[row].history, row)[: -WINDOW - 1 : -1], referenced)
    horizon = np.fromiter([question.horizon for question in questions], np.intp, count)
    crop = np.fromiter([crop_of(question.commodity) for question in questions], np.intp, count)
    return Windows(series, horizon, crop, optional)


def _write(series: Floats, row: int, recent: History, referenced: bool) -> None:
    """Write trading days, latest first, to a row of `series`, overwriting its contents."""
    pack = _PACKERS[len(recent)]
    buffer = series.data
    stride = series.strides[0]
    start = row * series.strides[1]
    nan = _NAN
    pack(buffer, start + DAYS * stride, *[seen.date.toordinal() for seen in recent])
    pack(buffer, start + PRICES * stride, *[seen.price for seen in recent])
    arrivals = [nan if seen.arrival is None else seen.arrival for seen in recent]
    pack(buffer, start + ARRIVALS * stride, *arrivals)
    if referenced:
        references = [nan if seen.reference is None else seen.reference for seen in recent]
        pack(buffer, start + REFERENCES * stride, *references)


def _ascending(history: History) -> bool:
    dates = [seen.date for seen in history]
    return all(map(lt, dates, dates[1:]))


def _sorted(history: History, row: int) -> History:
    """Return the history by date. Raises `Invalid` if a date is repeated or too early."""
    order = sorted(range(len(history)), key=lambda index: history[index].date)
    if history[order[0]].date < EARLIEST:
        raise _early(history, row, order[0])
    for before, after in pairwise(order):
        date = history[after].date
        if date == history[before].date:
            raise Invalid(
                f"[{row}].history[{after}].date",
                f"{date} is also the date of history[{before}]; give one observation per date",
            )
    return [history[index] for index in order]


def _early(history: History, row: int, index: int) -> Invalid:
    return Invalid(f"[{row}].history[{index}].date", f"{history[index].date} is before {EARLIEST}")


def _optional(question: PriceQuestion, groups: Sequence[str]) -> list[float]:
    """Return the fields of all optional groups; NaN for groups outside `groups`."""
    found: list[Any] = []
    for group, names in OPTIONAL.items():
        given = getattr(question, group) if group in groups else None
        found += [None] * len(names) if given is None else [getattr(given, name) for name in names]
    return [_NUMBERS.get(value, value) for value in found]


def one_form(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same features in place, every zero as 0.0 and every missing value as the same NaN.

    The sign that a calculation gives to either depends on the order of its steps, and means nothing.
    """
    features += 0.0
    np.copyto(features, np.nan, where=features != features)
    return features
