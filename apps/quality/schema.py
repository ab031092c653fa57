"""Question, answer and context of the quality app.

Measurements use the units of the version's training data; the answer has no unit.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "EXAMPLE",
    "LIMIT",
    "SLOTS",
    "QualityAnswer",
    "QualityContext",
    "QualityContribution",
    "QualityDifference",
    "QualityExplanation",
    "QualityQuestion",
]

LIMIT = 1e12
"""Maximum absolute value of a measurement."""
SLOTS = 32
"""Maximum number of measurements of a version; unused slots are NaN and are ignored."""

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Value = Annotated[float, Meta(ge=-LIMIT, le=LIMIT, description="In the unit of the version's training data.")]
Lot = Annotated[
    dict[Name, Value],
    Meta(
        min_length=1,
        max_length=SLOTS,
        description="Measurements by name, as listed in the version's context; omit unknown ones.",
    ),
]
Against = Literal["supplier", "all lots"]


class QualityQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request for the grade of one lot and for an anomaly check."""

    measurements: Annotated[
        Lot, Meta(description="Measurements of the lot by name; at least half of the version's are required.")
    ]
    supplier: (
        Annotated[
            Name, Meta(description="Name of the supplier, repeated in the answer.", examples=["Anandpur farm 3"])
        ]
        | None
    ) = None
    history: Annotated[
        tuple[Lot, ...],
        Meta(
            max_length=200,
            description="Earlier lots of the same supplier, oldest first. The latest 50 are used. With fewer "
            "than 8 lots, the lot is compared with all lots.",
        ),
    ] = ()


class QualityDifference(msgspec.Struct, frozen=True, kw_only=True):
    """Deviation of one measurement from its usual value."""

    name: str
    value: float
    usual: float
    """Median of the reference lots."""
    spreads: float
    """value - usual, in spreads (robust standard deviations); negative if below."""


class QualityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The grade with probabilities, and the anomaly flag."""

    grade: str
    probabilities: dict[str, float]
    score: Annotated[float, Meta(description="0 to 100; `score_is` states its meaning.", examples=[87.5])]
    score_is: Literal["expected grade value", "confidence"]
    anomaly: bool
    anomaly_margin: Annotated[float, Meta(description="The lot is flagged if it is above 0; no unit.")]
    against: Annotated[Against, Meta(description="The reference lots of the comparison.")]
    reason: Annotated[str, Meta(description="Reason for the flag; empty without a flag.")]
    differences: tuple[QualityDifference, ...]
    """The measurements of a flagged lot with the largest deviations."""
    missing: tuple[str, ...]
    """Missing measurements, replaced with their usual values."""
    supplier: str | None
    history: Annotated[int, Meta(description="Number of the supplier's lots used.")]


class QualityContext(msgspec.Struct, frozen=True, kw_only=True):
    """The data besides the ONNX graph that a version needs for serving."""

    features: tuple[str, ...]
    """Names of the measurements, in the order of the slots."""
    grades: tuple[str, ...]
    """In the order of the probabilities; sorted by value if grades have values."""
    values: tuple[float, ...] = ()
    """Value of each grade, 0 to 100; empty if grades have no order."""
    center: tuple[float, ...] = ()
    """Median of all lots, by measurement."""
    spread: tuple[float, ...] = ()
    """Robust standard deviation of all lots, by measurement; above 0."""
    within: tuple[float, ...] = ()
    """Typical robust standard deviation within one supplier's lots, by measurement; above 0."""
    usual: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Range of the middle 90 % of a grade's lots, by grade and measurement."""
    alarm_share: float = 0.02
    """Nominal share of ordinary lots that are flagged."""


class QualityContribution(msgspec.Struct, frozen=True, kw_only=True):
    """Contribution of one measurement to one answer, with the usual range of the answered grade."""

    feature: str
    value: float | None
    """The measurement, null if missing."""
    usual_low: float
    usual_high: float
    contribution: float
    """Added to the score, in points of 100."""


class QualityExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with its contributions, largest first; `base` + the sum of `contribution` is the score.

    Contributions are Shapley values relative to the median lot, averaged over a fixed set of orders. If the score
    is a confidence, they refer to the answered grade.
    """

    answer: QualityAnswer
    base: float
    """Score of the median lot; for a confidence, 100 times its probability of the answered grade."""
    contributions: tuple[QualityContribution, ...]


_USUAL = {
    "length": 21.4,
    "width": 10.6,
    "weight": 1.31,
    "moisture": 11.8,
    "colour": 62.0,
    "damaged": 1.9,
    "foreign": 0.6,
    "density": 78.5,
}
_LATELY = (0.97, 1.01, 1.0, 1.02, 0.99, 1.03, 0.98, 1.01, 1.0, 1.02)

EXAMPLE = QualityQuestion(
    measurements=_USUAL,
    supplier="Anandpur farm 3",
    history=tuple({name: round(value * lately, 3) for name, value in _USUAL.items()} for lately in _LATELY),
)
"""A lot of a typical grade from a supplier with ten earlier lots, as in the synthetic data."""
