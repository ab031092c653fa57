"""What the quality app is asked, what it answers, and what a version says about itself.

Measurements are in whatever unit the version was trained on: the answer has no unit.
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
"""Largest size of a measurement."""
SLOTS = 32
"""Most measurements a version can have; slots it does not use are NaN and are not read."""

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Value = Annotated[float, Meta(ge=-LIMIT, le=LIMIT, description="In the unit the version was trained on.")]
Lot = Annotated[
    dict[Name, Value],
    Meta(
        min_length=1,
        max_length=SLOTS,
        description="Measurements by name, as the version's context lists them; leave out what is not known.",
    ),
]
Against = Literal["supplier", "all lots"]


class QualityQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The grade of one lot, and whether it is unusual."""

    measurements: Annotated[
        Lot, Meta(description="Measurements of the lot by name; at least half of the version's.")
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
            description="Earlier lots of the same supplier, oldest first. The latest 50 are used; with fewer than "
            "8 the lot is compared with all lots instead.",
        ),
    ] = ()


class QualityDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How far one measurement is from what is usual."""

    name: str
    value: float
    usual: float
    """Median of the lots compared with."""
    spreads: float
    """value - usual, in spreads (robust standard deviations); negative below."""


class QualityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A grade, how likely each is, and whether the lot is unusual."""

    grade: str
    probabilities: dict[str, float]
    score: Annotated[float, Meta(description="0 to 100; `score_is` says of what.", examples=[87.5])]
    score_is: Literal["expected grade value", "confidence"]
    anomaly: bool
    anomaly_margin: Annotated[float, Meta(description="Above 0 the lot is flagged; no unit.")]
    against: Annotated[Against, Meta(description="What the lot was compared with.")]
    reason: Annotated[str, Meta(description="Why the lot was flagged; empty if it was not.")]
    differences: tuple[QualityDifference, ...]
    """The measurements furthest from what is usual, of a flagged lot."""
    missing: tuple[str, ...]
    """Measurements that were not given; the usual value stands in for them."""
    supplier: str | None
    history: Annotated[int, Meta(description="Lots of the supplier that were used.")]


class QualityContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a version needs at serving time besides its ONNX graph."""

    features: tuple[str, ...]
    """Names of the measurements, in the order of the slots."""
    grades: tuple[str, ...]
    """In the order of the probabilities; by value where there are values."""
    values: tuple[float, ...] = ()
    """What each grade is worth, 0 to 100; empty where grades have no order."""
    center: tuple[float, ...] = ()
    """Median of all lots, by measurement."""
    spread: tuple[float, ...] = ()
    """Robust standard deviation of all lots, by measurement; above 0."""
    within: tuple[float, ...] = ()
    """Typical robust standard deviation of one supplier's lots, by measurement; above 0."""
    usual: tuple[tuple[tuple[float, float], ...], ...] = ()
    """By grade and measurement: the range that holds the middle nine tenths of the grade's lots."""
    alarm_share: float = 0.02
    """Share of ordinary lots the flag is made to raise."""


class QualityContribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one measurement did to one answer, beside the usual range of the grade answered."""

    feature: str
    value: float | None
    """The measurement, null when missing."""
    usual_low: float
    usual_high: float
    contribution: float
    """Added to the score, in points of 100."""


class QualityExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """An answer taken apart, largest contribution first; `base` + the sum of `contribution` is the score.

    Contributions are Shapley values against the median lot, averaged over a fixed set of orders. Where the score
    is a confidence they are those of the grade answered.
    """

    answer: QualityAnswer
    base: float
    """The score of the median lot; for a confidence 100 times its probability of the grade answered."""
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
"""A lot of an everyday grade from a supplier with ten lots before it, as the synthetic data has them."""
