"""An app whose question is one row of readings: what the autoencoder and the trees have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from benchmarks.apps.answer import E, Nothing, mean_squares
from serving.kernel.app import App
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["readings_app"]

Reading = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


def readings_app(
    name: str, summary: str, width: int, output_width: int, tolerance: float = 1e-4
) -> App[Any, Any, Nothing]:
    """An app that takes `x`, FP32 [n, width], to `output`, FP32 [n, output_width]."""
    length = msgspec.Meta(min_length=width, max_length=width, description="Readings, standardised.")
    question = msgspec.defstruct(
        f"{name.title()}Question",
        [("x", Annotated[list[Reading], length])],
        frozen=True,
        forbid_unknown_fields=True,
    )
    answer = msgspec.defstruct(f"{name.title()}Answer", [("e", E)], frozen=True)
    return App(
        name=name,
        summary=summary,
        question=question,
        answer=answer,
        context=Nothing,
        example=question([0.25 * (column % 9) - 1 for column in range(width)]),
        inputs=(TensorSpec("x", "FP32", (-1, width)),),
        outputs=(TensorSpec("output", "FP32", (-1, output_width)),),
        feature_names=tuple(f"x{column}" for column in range(width)),
        features=_encode,
        decide=mean_squares("output", answer),
        tolerance=tolerance,
        package="benchmarks.apps",
    )


def _encode(questions: Sequence[Any], context: Nothing) -> Arrays:
    return {"x": np.array([question.x for question in questions], np.float32)}
