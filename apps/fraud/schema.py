"""What the fraud app is asked, what it answers, and what a version says about itself.

A score has no unit: it counts typical errors, and is about 1 for a record that is as hard to tell as normal ones.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "EXAMPLE",
    "LARGEST",
    "MAX_FEATURES",
    "FraudAnswer",
    "FraudContext",
    "FraudContribution",
    "FraudExplanation",
    "FraudQuestion",
    "FraudReason",
    "Risk",
]

MAX_FEATURES = 64
"""Most features a version may have; the width of the model's input."""
LARGEST = 1e30
"""Largest size of a number; far larger ones do not fit the model's 32 bits."""

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Number = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Risk = Literal["LOW", "MEDIUM", "HIGH"]


class FraudQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One record."""

    features: Annotated[
        dict[Name, Number | None],
        Meta(
            min_length=1,
            max_length=MAX_FEATURES,
            description="Feature name to value, in the unit of the training data; -1e30 to 1e30. Names are those "
            "the version was trained with; null or absent: not known. At least one must be known.",
            examples=[{"amount": 42.0, "hour": 13.5}],
        ),
    ]


class FraudReason(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that stands out."""

    feature: str
    value: Annotated[float | None, Meta(description="As asked.")]
    share: Annotated[float, Meta(description="Part of the score, 0 to 1.")]


class FraudAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How unusual the record is."""

    risk: Annotated[Risk, Meta(description="HIGH from `high` on, MEDIUM from `medium` on.")]
    score: Annotated[float, Meta(description="Typical errors, 0 or more; larger is more unusual.")]
    medium: Annotated[float, Meta(description="A score above this is MEDIUM.")]
    high: Annotated[float, Meta(description="A score above this is HIGH: an alert.")]
    reasons: Annotated[list[FraudReason], Meta(description="Largest first, at most three; none when LOW.")]


class FraudContribution(msgspec.Struct, frozen=True, kw_only=True):
    """One feature's part of the score."""

    feature: str
    value: Annotated[float | None, Meta(description="As asked; null where not known.")]
    contribution: Annotated[float, Meta(description="In units of the score, 0 or more.")]


class FraudExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole score by feature: `base` and the contributions add up to it."""

    answer: FraudAnswer
    base: float
    contributions: Annotated[tuple[FraudContribution, ...], Meta(description="Largest first.")]


class FraudContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a version says about itself."""

    features: tuple[str, ...]
    """Names, in the order of the model's slots."""
    medium: float = 0.0
    high: float = 0.0
    """Thresholds of the score, chosen on the validation part."""
    alert_budget: float = 0.0
    """Share of normal records that is HIGH; of those in validation it is exact."""
    watch_budget: float = 0.0
    """Share of normal records that is MEDIUM or HIGH."""
    prevalence: float = 0.0
    """Share of anomalies in the whole data set, duplicates included."""


EXAMPLE = FraudQuestion(
    features={
        "amount": 42.0,
        "hour": 13.5,
        "items": 3.0,
        "merchant_mean": 38.0,
        "distance": 4.0,
        "account_days": 810.0,
        "payments_day": 2.0,
        "balance_ratio": 0.05,
    }
)
