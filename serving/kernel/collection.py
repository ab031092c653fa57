"""Records that the server stores for an app, and the encoder by which those that match a question are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["EMBEDDING", "Collection"]

EMBEDDING = "embedding"
"""The encoder's only output: FP32 [n, width], each row of length 1, or 0 if there is nothing to encode."""

Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)


@dataclass(frozen=True, kw_only=True)
class Collection(Generic[Q, R]):
    """Records stored for an app, and how a short question is completed with those that match it best.

    A version of such an app has a second graph, its encoder, which turns questions and records into vectors of
    length 1. The larger the inner product of two vectors, the better they match. All functions are pure and run in
    threads.
    """

    name: str
    """The path segment after the app's name: a plural in lower case."""
    record: type[R]
    """The type of a record. It has a text field `id`."""
    example: R
    inputs: tuple[TensorSpec, ...]
    """The encoder's inputs, the same for records and questions."""
    width: int
    """The numbers in a vector. PostgreSQL stores more than 480 outside of the table, which makes searches slow."""
    of_records: Callable[[Sequence[R]], Arrays]
    of_questions: Callable[[Sequence[Q]], Arrays]
    record_keys: Callable[[R], tuple[str | None, ...]]
    """The keys that must equal the question's keys, position by position; None equals everything."""
    question_keys: Callable[[Q], tuple[str | None, ...]]
    candidates: int
    """The most records that a short question is completed with."""
    is_short: Callable[[Q], bool]
    """Whether a question has no records of its own. Called for every question, so it must be fast."""
    complete: Callable[[Q, Sequence[R]], Q]
    """Returns the whole question, with the records found, the best match first; there may be none."""
