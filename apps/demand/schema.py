"""What the demand app is asked, what it answers, and what a version says about itself."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "EXAMPLE",
    "MAX_DAYS",
    "MAX_MONTHS",
    "DemandAnswer",
    "DemandContext",
    "DemandQuestion",
    "DemandSeries",
    "Frequency",
]

Frequency = Literal["day", "month"]

MAX_DAYS = 90
"""Longest horizon of a daily series."""
MAX_MONTHS = 12
"""Longest horizon of a monthly series."""


class DemandQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The demand for `series` on one day (or in one month) of the future: give `horizon` or `date`, not both.

    A path of several days is a request with one instance per day.
    """

    series: Annotated[
        str,
        Meta(min_length=1, max_length=64, description="A series the version was trained on.", examples=["onion"]),
    ]
    horizon: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=MAX_DAYS,
                description="Days (of a monthly series: months) after the last of the series.",
                examples=[30],
            ),
        ]
        | None
    ) = None
    date: (
        Annotated[
            datetime.date,
            Meta(description="The day, or any day of the month, to forecast.", examples=["2025-01-30"]),
        ]
        | None
    ) = None


class DemandAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast with an interval that is made to hold the true demand in `coverage` of cases."""

    series: str
    date: Annotated[datetime.date, Meta(description="The day, or the first day of the month")]
    horizon: Annotated[int, Meta(description="Days or months after `last_date`")]
    forecast: Annotated[float, Meta(description="Expected demand, in `unit`")]
    low: Annotated[float, Meta(description="Lower end of the interval, in `unit`")]
    high: Annotated[float, Meta(description="Upper end of the interval, in `unit`")]
    coverage: Annotated[
        float, Meta(description="Share of true values the interval is made to hold", examples=[0.8])
    ]
    unit: str
    frequency: Frequency
    last_date: Annotated[datetime.date, Meta(description="Last day or month the version knows of the series")]


class DemandSeries(msgspec.Struct, frozen=True, kw_only=True):
    """One series of a version."""

    name: str
    unit: str
    """What is counted, such as tonnes."""
    last_date: datetime.date
    """Last day of the training data; in a monthly series the first day of the last month."""


class DemandContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a version needs at serving time besides its ONNX graph."""

    series: tuple[DemandSeries, ...]
    """In the order of the graph's tables."""
    frequency: Frequency = "day"
    steps: int = MAX_DAYS
    """Longest horizon, in days or months."""
    coverage: float = 0.8
    """Nominal coverage of the interval."""
    events: dict[datetime.date, tuple[int, ...]] = {}
    """Holiday effects of the days ahead, by their place in the graph's table (1 first)."""


EXAMPLE = DemandQuestion(series="onion", horizon=30)
"""A realistic question: onions, thirty days ahead."""
