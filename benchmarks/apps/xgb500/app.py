"""The app of 500 boosted trees: a model heavy enough that batching and threads show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from benchmarks.apps.answer import E, Nothing, mean_squares
from serving.inference.contract import App, Arrays, TensorSpec

__all__ = ["app"]

WIDTH = 25
Reading = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


class TreesQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of readings."""

    x: Annotated[
        list[Reading], msgspec.Meta(min_length=WIDTH, max_length=WIDTH, description="Readings, standardised.")
    ]


class TreesAnswer(msgspec.Struct, frozen=True):
    """The square of the regression's answer."""

    e: E


def encode(questions: Sequence[TreesQuestion], context: Nothing) -> Arrays:
    """Rows to the tensor `x`, FP32 [n, 25]."""
    return {"x": np.array([question.x for question in questions], np.float32)}


app = App(
    name="xgb500",
    summary="Square of the answer of 500 boosted trees for a row of 25 readings.",
    question=TreesQuestion,
    answer=TreesAnswer,
    context=Nothing,
    example=TreesQuestion(x=[0.25 * (column % 9) - 1 for column in range(WIDTH)]),
    inputs=(TensorSpec("x", "FP32", (-1, WIDTH)),),
    outputs=(TensorSpec("output", "FP32", (-1, 1)),),
    feature_names=tuple(f"x{column}" for column in range(WIDTH)),
    features=encode,
    decide=mean_squares("output", TreesAnswer),
    tolerance=1e-3,
    package="benchmarks.apps",
)
