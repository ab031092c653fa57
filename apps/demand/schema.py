"""Question, answer and context of the demand app."""

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
"""Longest horizon of a daily series, in days."""
MAX_MONTHS = 12
"""Longest horizon of a monthly series, in months."""


class DemandQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The demand for `series` on one future day or month. Set either `horizon` or `date`.

    To forecast several days, send a request with one instance per day.
    """

    series: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="A series that the version was trained on.",
            examples=["onion"],
        ),
    ]
    horizon: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=MAX_DAYS,
                description="Days (months for a monthly series) after `last_date`.",
                examples=[30],
            ),
        ]
        | None
    ) = None
    date: (
        Annotated[
            datetime.date,
            Meta(
                description="The day to forecast; for a monthly series, any day of the month.",
                examples=["2025-01-30"],
            ),
        ]
        | None
    ) = None


class DemandAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast with an interval that should contain the true demand in a share `coverage` of cases."""

    series: str
    date: Annotated[
        datetime.date, Meta(description="Forecast day; for a monthly series, the first day of the month")
    ]
    horizon: Annotated[int, Meta(description="Days or months after `last_date`")]
    forecast: Annotated[float, Meta(description="Expected demand, in `unit`")]
    low: Annotated[float, Meta(description="Lower end of the interval, in `unit`")]
    high: Annotated[float, Meta(description="Upper end of the interval, in `unit`")]
    coverage: Annotated[float, Meta(description="Nominal coverage of the interval", examples=[0.8])]
    unit: str
    frequency: Frequency
    last_date: Annotated[datetime.date, Meta(description="Last day or month of the training data")]


class DemandSeries(msgspec.Struct, frozen=True, kw_only=True):
    """One series of a version."""

    name: str
    unit: str
    """Unit of the demand, such as tonnes."""
    last_date: datetime.date
    """Last day of the training data; for a monthly series, the first day of the last month."""


class DemandContext(msgspec.Struct, frozen=True, kw_only=True):
    """The data besides the ONNX graph that a version needs for serving."""

    series: tuple[DemandSeries, ...]
    """The series, in the order of the graph's tables."""
    frequency: Frequency = "day"
    steps: int = MAX_DAYS
    """Longest horizon, in days or months."""
    coverage: float = 0.8
    """Nominal coverage of the interval."""
    events: dict[datetime.date, tuple[int, ...]] = {}
    """Holiday effects of each future day, as positions in the graph's table (the first is 1)."""


EXAMPLE = DemandQuestion(series="onion", horizon=30)
"""An example question: onions, thirty days ahead."""
