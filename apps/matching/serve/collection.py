"""The collection of availabilities; a requirement without a list is completed with the nearest ones."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from apps.matching.schema import EXAMPLE_LOT, MOST, Availability, MatchQuestion, Requirement
from apps.matching.serve.features import tokens
from apps.matching.serve.tokens import SLOTS
from serving.kernel.collection import Collection
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["WIDTH", "collection", "keys"]

WIDTH = 256
"""Length of a vector."""


def keys(side: Requirement | Availability) -> tuple[str | None, str | None]:
    """Return the fields that must agree if both sides state them: `decide.broken_rule` as the store applies it."""
    return side.commodity.casefold() if side.commodity else None, side.unit


def _of_records(records: Sequence[Availability]) -> Arrays:
    return {"tokens": tokens(records)}


def _of_questions(questions: Sequence[MatchQuestion]) -> Arrays:
    return {"tokens": tokens([question.requirement for question in questions])}


def _question_keys(question: MatchQuestion) -> tuple[str | None, ...]:
    return keys(question.requirement)


def _is_short(question: MatchQuestion) -> bool:
    return question.availabilities is None


def _complete(question: MatchQuestion, records: Sequence[Availability]) -> MatchQuestion:
    return msgspec.structs.replace(question, availabilities=tuple(records))


collection: Collection[MatchQuestion, Availability] = Collection(
    name="availabilities",
    record=Availability,
    example=EXAMPLE_LOT,
    inputs=(TensorSpec("tokens", "INT32", (-1, SLOTS)),),
    width=WIDTH,
    of_records=_of_records,
    of_questions=_of_questions,
    record_keys=keys,
    question_keys=_question_keys,
    candidates=MOST,
    is_short=_is_short,
    complete=_complete,
)
