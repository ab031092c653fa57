"""Question, answer and context of the struggle app.

Days count from the first day of the objective; earlier days are negative. Scores are in percent.
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
"""Prediction days for fitting, calibration and evaluation."""
LAST_DAY = 240

Education = Literal["none", "below A level", "A level", "higher education", "postgraduate"]
EDUCATIONS: tuple[Education, ...] = Education.__args__  # type: ignore[attr-defined]
"""Highest previous education, ascending. The position is the model's code."""


class Assessment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One assessment of the objective and the student's submission, if any."""

    kind: Annotated[Literal["TMA", "CMA"], Meta(description="TMA: marked by a tutor; CMA: marked by a computer.")]
    due: Annotated[int, Meta(ge=-50, le=400, description="Due day.", examples=[54])]
    weight: Annotated[float, Meta(ge=0, le=100, description="Share of the final mark, %.", examples=[20.0])]
    submitted: (
        Annotated[
            int, Meta(ge=-400, le=1000, description="Day of submission; null: not submitted.", examples=[52])
        ]
        | None
    ) = None
    score: Annotated[float, Meta(ge=0, le=100, description="Score, %; null: unknown.", examples=[71.0])] | None = (
        None
    )
    banked: Annotated[bool, Meta(description="Carried over from an earlier attempt.")] = False


class StudyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record of one student for one objective. Events after the prediction day are ignored."""

    registered: (
        Annotated[int, Meta(ge=-1000, le=1000, description="Day of registration; null: unknown.")] | None
    ) = None
    withdrawn: (
        Annotated[int, Meta(ge=-1000, le=1000, description="Day of withdrawal; must be after `day`.")] | None
    ) = None
    attempts: Annotated[int, Meta(ge=0, le=20, description="Earlier attempts at the objective.")] = 0
    credits: Annotated[
        float, Meta(ge=0, le=1000, description="Credits of all courses studied at the same time.", examples=[60.0])
    ] = 60
    education: Annotated[Education, Meta(description="Highest previous education.")] | None = None
    assessments: Annotated[
        tuple[Assessment, ...],
        Meta(
            max_length=100,
            description="All assessments of the objective except the exam, including later ones; any order.",
        ),
    ] = ()


class StruggleQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request to predict whether `student` will struggle with `objective`, from data known on `day`."""

    student: Annotated[str, Meta(min_length=1, max_length=64, description="Repeated in the answer.")]
    objective: Annotated[
        str,
        Meta(min_length=1, max_length=64, description="The learning objective: a module and its presentation."),
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
    record: Annotated[StudyRecord, Meta(description="Null: read from the database.")] | None = None


class StruggleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A probability of not passing, with a decision and reasons."""

    student: str
    objective: str
    day: int
    probability: Annotated[float, Meta(description="Probability of failing or withdrawing, 0 to 1.")]
    threshold: Annotated[
        float, Meta(description="`struggles` is true from this probability; it depends on the day.")
    ]
    struggles: bool
    confidence: (
        Annotated[float, Meta(description="Probability that `struggles` is right; null from rules.")] | None
    )
    risk: Annotated[
        Literal["low", "medium", "high"],
        Meta(description="high: at or above the threshold; low: below half of it."),
    ]
    reasons: Annotated[
        tuple[str, ...],
        Meta(
            description="Facts on the record that indicate a struggle, most important first, or that none exist."
        ),
    ]
    fallback: Annotated[bool, Meta(description="True: answer of a simple rule because no version is loaded.")] = (
        False
    )


class StruggleContext(msgspec.Struct, frozen=True, kw_only=True):
    """The data besides the ONNX graph that a version needs for serving; one entry per day of `DAYS`."""

    slopes: tuple[float, ...]
    """Calibration: calibrated log-odds are slope * raw + shift. Also in the graph."""
    shifts: tuple[float, ...]
    thresholds: tuple[float, ...]


class StruggleContribution(msgspec.Struct, frozen=True, kw_only=True):
    """Contribution of one feature to one answer."""

    feature: str
    words: str
    value: float | None
    """The feature's value, null if missing."""
    contribution: float
    """Added to the log-odds of struggling; positive values indicate a struggle."""


class StruggleExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with its exact TreeSHAP contributions, largest first.

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
"""An example question: a good start, then a late and weaker assessment, then a missed one."""
