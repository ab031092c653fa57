"""The autoencoder app: a model so small that everything around it is what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from benchmarks.apps.answer import E, Nothing, mean_squares
from serving.inference.contract import App, Arrays, TensorSpec

__all__ = ["app"]

WIDTH = 50
Reading = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


class AutoencoderQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of sensor readings."""

    x: Annotated[
        list[Reading], msgspec.Meta(min_length=WIDTH, max_length=WIDTH, description="Readings, standardised.")
    ]


class AutoencoderAnswer(msgspec.Struct, frozen=True):
    """How strongly the row comes out again."""

    e: E


def encode(questions: Sequence[AutoencoderQuestion], context: Nothing) -> Arrays:
    """Rows to the tensor `x`, FP32 [n, 50]."""
    return {"x": np.array([question.x for question in questions], np.float32)}


app = App(
    name="autoencoder",
    summary="Mean square of an autoencoder's output for a row of 50 readings.",
    question=AutoencoderQuestion,
    answer=AutoencoderAnswer,
    context=Nothing,
    example=AutoencoderQuestion(x=[0.25 * (column % 9) - 1 for column in range(WIDTH)]),
    inputs=(TensorSpec("x", "FP32", (-1, WIDTH)),),
    outputs=(TensorSpec("output", "FP32", (-1, WIDTH)),),
    feature_names=tuple(f"x{column}" for column in range(WIDTH)),
    features=encode,
    decide=mean_squares("output", AutoencoderAnswer),
    package="benchmarks.apps",
)
