"""Records that are kept for an app, and the encoder that finds those that suit a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["EMBEDDING", "Collection"]

EMBEDDING = "embedding"
"""The encoder's only output: FP32 [n, width], each row of length 1, or 0 where there is nothing to encode."""

Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)


@dataclass(frozen=True, kw_only=True)
class Collection(Generic[Q, R]):
    """Records that are kept for an app, and how a short question is completed with those that suit it best.

    A version of such an app has a second graph, its encoder: questions and records to vectors of length 1. The
    larger their inner product, the better they suit. All functions are pure and run in threads.
    """

    name: str
    """Path segment behind the app's name, plural and lower case."""
    record: type[R]
    """Has the field `id`, text."""
    example: R
    inputs: tuple[TensorSpec, ...]
    """What the encoder takes, of a record and of a question alike."""
    width: int
    """Numbers of a vector. More than 480 would make PostgreSQL keep them beside the table, and searches slow."""
    of_records: Callable[[Sequence[R]], Arrays]
    of_questions: Callable[[Sequence[Q]], Arrays]
    record_keys: Callable[[R], tuple[str | None, ...]]
    """What must agree with the question's keys, place by place; None agrees with everything."""
    question_keys: Callable[[Q], tuple[str | None, ...]]
    candidates: int
    """Records a short question is completed with, at most."""
    is_short: Callable[[Q], bool]
    """Whether a question brings no records of its own. Called for every question, so it must be quick."""
    complete: Callable[[Q, Sequence[R]], Q]
    """The whole question with the records found, best first; there may be none."""
