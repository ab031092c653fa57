"""Convert dates to model inputs. Training and serving call the same pure functions.

Holidays come from the version's context. A new release of the calendar library therefore never changes an
answer.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from itertools import repeat

import numpy as np
import numpy.typing as npt

from apps.demand.schema import DemandContext, DemandQuestion, DemandSeries, Frequency
from apps.demand.serve.columns import EVENTS, FEATURES, SEASONS
from serving.kernel.errors import Invalid
from serving.kernel.tensors import Arrays

__all__ = ["EPOCH", "ahead", "encode", "row", "steps_between", "target"]

EPOCH = datetime.date(1970, 1, 1).toordinal()
"""Proleptic Gregorian ordinal of the model's day 0."""
NO_EVENTS: tuple[int, ...] = ()
_BY_MONTH = [[float(month in months) for months in SEASONS.values()] for month in range(13)]


def ahead(last: datetime.date, steps: int, frequency: Frequency) -> datetime.date:
    """Return the day `steps` days after `last`, or the first day of the month `steps` months after it."""
    if frequency == "day":
        return last + datetime.timedelta(days=steps)
    months = last.year * 12 + last.month - 1 + steps
    return datetime.date(months // 12, months % 12 + 1, 1)


def steps_between(last: datetime.date, date: datetime.date, frequency: Frequency) -> int:
    """Return the days or months from `last` to `date`; the count is negative if `date` is earlier."""
    if frequency == "day":
        return (date - last).days
    return (date.year - last.year) * 12 + date.month - last.month


def row(
    series: int, date: datetime.date, step: int, events: Mapping[datetime.date, tuple[int, ...]]
) -> list[float]:
    """Return the model's columns for one day of the series at position `series`."""
    found = events.get(date, NO_EVENTS)
    return [
        float(series),
        float(date.toordinal() - EPOCH),
        float(step),
        *_BY_MONTH[date.month],
        *map(float, found),
        *repeat(0.0, EVENTS - len(found)),
    ]


def target(question: DemandQuestion, known: DemandSeries, context: DemandContext) -> tuple[datetime.date, int]:
    """Return the requested day and its distance in steps, from either `horizon` or `date`; not validated."""
    frequency = context.frequency
    if question.date is None:
        step = question.horizon or 0
    else:
        step = steps_between(known.last_date, question.date, frequency)
    return ahead(known.last_date, step, frequency), step


def encode(questions: Sequence[DemandQuestion], context: DemandContext) -> Arrays:
    """Return `features`, FP64 [n, 11], with one row per question.

    Raises `Invalid` if the version does not have the series, if a question sets both or neither of `horizon` and
    `date`, or if the day is outside the version's horizon.
    """
    places = {known.name: place for place, known in enumerate(context.series)}
    rows = [_checked(number, one, places, context) for number, one in enumerate(questions)]
    features: npt.NDArray[np.float64] = np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))
    return {"features": features}


def _checked(
    number: int, question: DemandQuestion, places: Mapping[str, int], context: DemandContext
) -> list[float]:
    place = places.get(question.series)
    if place is None:
        raise Invalid(
            f"[{number}].series",
            f"{question.series!r} is not served by this version; allowed: {', '.join(places)}",
        )
    if (question.horizon is None) == (question.date is None):
        raise Invalid(f"[{number}].horizon", "give either horizon or date, and not both")
    known = context.series[place]
    if question.date is None:
        step = question.horizon or 0
    else:
        step = steps_between(known.last_date, question.date, context.frequency)
    if not 1 <= step <= context.steps:
        first, last = (ahead(known.last_date, end, context.frequency) for end in (1, context.steps))
        field = "horizon" if question.date is None else "date"
        raise Invalid(
            f"[{number}].{field}",
            f"{getattr(question, field)} is outside the horizon of this version; allowed: {first} to {last}, "
            f"1 to {context.steps} {context.frequency}s ahead",
        )
    return row(place, ahead(known.last_date, step, context.frequency), step, context.events)
