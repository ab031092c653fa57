"""What the three apps share: nothing to remember, and one number as an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from serving.kernel.tensors import Arrays

__all__ = ["Nothing", "mean_squares"]

A = TypeVar("A", bound=msgspec.Struct)
E = Annotated[float, msgspec.Meta(description="Mean of the squares of the model's output row.")]


class Nothing(msgspec.Struct, frozen=True):
    """A version has nothing to say about itself."""


def mean_squares(output: str, answer: Callable[[float], A]) -> Callable[[Sequence[Any], Arrays, Nothing], list[A]]:
    """A `decide` with the arithmetic of every peer (`benchmarks/peers/model.py`), for the whole batch at once."""

    def decide(questions: Sequence[Any], outputs: Arrays, context: Nothing) -> list[A]:
        rows = outputs[output]
        return [answer(error) for error in (rows * rows).mean(axis=1).tolist()]

    return decide
