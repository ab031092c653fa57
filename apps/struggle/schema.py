"""What the struggle app is asked, what it answers, and what a version says about itself.

Days count from the objective's first day; days before it are negative. Scores are in percent.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "DAYS",
    "EDUCATIONS",
    "EXAMPLE",
    "LAST_DAY",
    "Assessment",
    "Education",
    "StruggleAnswer",
    "StruggleContext",
    "StruggleContribution",
    "StruggleExplanation",
    "StruggleQuestion",
    "StudyRecord",
]

DAYS = (30, 60, 120, 180)
"""Prediction days a version is fitted, calibrated and judged on."""
LAST_DAY = 240

Education = Literal["none", "below A level", "A level", "higher education", "postgraduate"]
EDUCATIONS: tuple[Education, ...] = Education.__args__  # type: ignore[attr-defined]
"""Highest education before, ascending; the position is the code the model sees."""


class Assessment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One assessment of the objective and what the student handed in, if anything."""

    kind: Annotated[Literal["TMA", "CMA"], Meta(description="Marked by a tutor, or by a computer.")]
    due: Annotated[int, Meta(ge=-50, le=400, description="Day it is due.", examples=[54])]
    weight: Annotated[float, Meta(ge=0, le=100, description="Share of the final mark, %.", examples=[20.0])]
    submitted: (
        Annotated[int, Meta(ge=-400, le=1000, description="Day it was handed in; null: not yet.", examples=[52])]
        | None
    ) = None
    score: (
        Annotated[float, Meta(ge=0, le=100, description="Score, %; null: not known.", examples=[71.0])] | None
    ) = None
    banked: Annotated[bool, Meta(description="Carried over from an earlier attempt.")] = False


class StudyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is on record of one student and one objective. What lies after the prediction day is ignored."""

    registered: (
        Annotated[int, Meta(ge=-1000, le=1000, description="Day of registration; null: not known.")] | None
    ) = None
    withdrawn: (
        Annotated[
            int, Meta(ge=-1000, le=1000, description="Day of withdrawal; on or before `day` there is no answer.")
        ]
        | None
    ) = None
    attempts: Annotated[int, Meta(ge=0, le=20, description="Earlier attempts at the objective.")] = 0
    credits: Annotated[float, Meta(ge=0, le=1000, description="Credits studied at the time.", examples=[60.0])] = (
        60
    )
    education: Annotated[Education, Meta(description="Highest education before.")] | None = None
    assessments: Annotated[
        tuple[Assessment, ...],
        Meta(max_length=100, description="All of the objective but the exam, also those due later; in any order."),
    ] = ()


class StruggleQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether `student` will struggle with `objective`, as known on `day`."""

    student: Annotated[str, Meta(min_length=1, max_length=64, description="Repeated in the answer.")]
    objective: Annotated[
        str,
        Meta(min_length=1, max_length=64, description="What is learned: a module and its presentation."),
    ]
    day: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=LAST_DAY,
                description="Prediction day; null: the latest day with a submission in the database.",
                examples=[60],
            ),
        ]
        | None
    ) = None
    record: Annotated[StudyRecord, Meta(description="Null: taken from the database.")] | None = None


class StruggleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A probability of not passing, and what to make of it."""

    student: str
    objective: str
    day: int
    probability: Annotated[float, Meta(description="Of failing or withdrawing later, 0 to 1.")]
    threshold: Annotated[float, Meta(description="From here on `struggles` is true; depends on the day.")]
    struggles: bool
    confidence: (
        Annotated[float, Meta(description="Probability that `struggles` is right; null from rules.")] | None
    )
    risk: Annotated[
        Literal["low", "medium", "high"], Meta(description="high: struggles; low: below half the threshold.")
    ]
    reasons: Annotated[
        tuple[str, ...],
        Meta(description="What on the record points to a struggle, weightiest first; or that nothing does."),
    ]
    fallback: Annotated[bool, Meta(description="True: from a simple rule, as no version is loaded.")] = False


class StruggleContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a version needs at serving time besides its ONNX graph: one entry per day of `DAYS`."""

    slopes: tuple[float, ...]
    """Calibration: calibrated log-odds are slope * raw + shift. Also in the graph."""
    shifts: tuple[float, ...]
    thresholds: tuple[float, ...]


class StruggleContribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature did to one answer."""

    feature: str
    words: str
    value: float | None
    """The feature's value, null when missing."""
    contribution: float
    """Added to the log-odds of struggling; positive: points to a struggle."""


class StruggleExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """An answer taken apart into exact TreeSHAP contributions, largest first.

    `base` + the sum of `contribution` is log(probability / (1 - probability)) before rounding.
    """

    answer: StruggleAnswer
    base: float
    contributions: tuple[StruggleContribution, ...]


EXAMPLE = StruggleQuestion(
    student="11391",
    objective="AAA-2013J",
    day=120,
    record=StudyRecord(
        registered=-53,
        credits=60,
        education="A level",
        assessments=(
            Assessment(kind="TMA", due=19, weight=10, submitted=18, score=78),
            Assessment(kind="TMA", due=54, weight=20, submitted=59, score=46),
            Assessment(kind="TMA", due=117, weight=20),
            Assessment(kind="TMA", due=166, weight=20),
            Assessment(kind="TMA", due=215, weight=30),
        ),
    ),
)
"""A realistic question: a good start, then a late and weaker assessment, then a missed one."""
