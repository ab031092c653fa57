"""Question, answer and context of the fraud app.

A score has no unit. It grows with the logarithm of the record's distance from normal records, and the distance is
measured in typical errors.
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
"""Maximum number of features of a version; the width of the model's input."""
LARGEST = 1e30
"""Largest absolute value of a number; the model computes in 32 bits, and far larger numbers overflow."""

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
            description="Feature name to value, in the unit of the training data; -1e30 to 1e30. Names must be "
            "features of the version. Null or absent means unknown. At least one value must be known.",
            examples=[{"amount": 42.0, "hour": 13.5}],
        ),
    ]


class FraudReason(msgspec.Struct, frozen=True, kw_only=True):
    """A feature with an unusual value."""

    feature: str
    value: Annotated[float | None, Meta(description="As asked.")]
    share: Annotated[float, Meta(description="Share of the score, 0 to 1.")]


class FraudAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The risk level of a record and the reasons for it."""

    risk: Annotated[Risk, Meta(description="HIGH above `high`; MEDIUM above `medium`; otherwise LOW.")]
    score: Annotated[float, Meta(description="0 or more, without unit; larger is more unusual.")]
    medium: Annotated[float, Meta(description="Threshold: a score above it is at least MEDIUM.")]
    high: Annotated[float, Meta(description="Threshold: a score above it is HIGH, which is an alert.")]
    reasons: Annotated[
        list[FraudReason], Meta(description="At most three, largest share first; empty if the risk is LOW.")
    ]


class FraudContribution(msgspec.Struct, frozen=True, kw_only=True):
    """The contribution of one feature to the score."""

    feature: str
    value: Annotated[float | None, Meta(description="The value in the question; null if unknown.")]
    contribution: Annotated[float, Meta(description="In units of the score, 0 or more.")]


class FraudExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """The score by feature: the sum of `base` and all contributions."""

    answer: FraudAnswer
    base: float
    contributions: Annotated[tuple[FraudContribution, ...], Meta(description="Largest first.")]


class FraudContext(msgspec.Struct, frozen=True, kw_only=True):
    """The features, thresholds and training statistics of a version."""

    features: tuple[str, ...]
    """Feature names, in the order of the model's slots."""
    medium: float = 0.0
    high: float = 0.0
    """Score thresholds, chosen on the validation part."""
    alert_budget: float = 0.0
    """Share of normal records with risk HIGH; exact on the validation part."""
    watch_budget: float = 0.0
    """Share of normal records with risk MEDIUM or HIGH."""
    prevalence: float = 0.0
    """Share of anomalies in the whole data set, including duplicates."""


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
