"""Contributions of the measurements to the score: Shapley values over a fixed set of orders, exactly additive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.quality.schema import (
    QualityAnswer,
    QualityContext,
    QualityContribution,
    QualityExplanation,
    QualityQuestion,
)
from apps.quality.serve.decide import OUTPUTS, decide
from serving.kernel.app import Explainer
from serving.kernel.storage.version_manifest import MODEL_NAME
from serving.kernel.tensors import Arrays

__all__ = ["ORDERS", "explainer", "orders", "shares"]

Floats = npt.NDArray[np.float64]

ORDERS = 16
"""Number of orders in which measurements are added; half of them are the reverse of the other half."""
SEED = 7


def explainer(folder: Path, context: QualityContext) -> Explainer:
    """Open the graph of a version. Raises ONNX Runtime's errors if the file is not a graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / MODEL_NAME, options, providers=["CPUExecutionProvider"])
    sequence = orders(len(context.features))

    def run(features: npt.NDArray[np.float32]) -> Arrays:
        return dict(zip(OUTPUTS, session.run(OUTPUTS, {"features": features}), strict=True))

    def explain(questions: Sequence[QualityQuestion], inputs: Arrays) -> list[QualityExplanation]:
        features = inputs["features"]
        answers = decide(questions, run(features), context)
        found = []
        for row, answer in zip(features, answers, strict=True):
            points = _points(run(_coalitions(row, sequence))["probabilities"], answer, context)
            found.append(_explanation(answer, row, shares(points, sequence), points, context))
        return found

    return explain


def orders(count: int) -> npt.NDArray[np.intp]:
    """Return [orders, count] permutations of the measurements; the result never varies."""
    rng = np.random.default_rng(SEED)
    forward = [rng.permutation(count) for _ in range(ORDERS // 2)]
    return np.array([*forward, *(order[::-1] for order in forward)], dtype=np.intp)


def shares(points: Floats, sequence: npt.NDArray[np.intp]) -> Floats:
    """Return [count] the mean increase over the orders when each measurement is added.

    `points` [orders, count + 1] is the score after the first 0, 1, ... measurements of each order.
    """
    total = np.zeros(sequence.shape[1])
    np.add.at(total, sequence, np.diff(points, axis=1))
    return total / len(sequence)


def _coalitions(row: npt.NDArray[np.float32], sequence: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """Return [orders x (count + 1), features] the row with its measurements added one after another.

    A measurement that is not yet added is missing, and the graph answers as for any lot with missing values.
    """
    count = sequence.shape[1]
    rank = np.argsort(sequence, axis=1)
    there = rank[:, None, :] < np.arange(count + 1)[None, :, None]
    rows = np.tile(row, (there.shape[0] * there.shape[1], 1))
    rows[:, :count] = np.where(there.reshape(-1, count), row[:count], np.nan)
    return rows


def _points(probabilities: npt.NDArray[Any], answer: QualityAnswer, context: QualityContext) -> Floats:
    """Return [orders, count + 1] expected values of the grade, or 100 x probabilities of the answered grade."""
    weights = np.array(context.values or [100.0 * (name == answer.grade) for name in context.grades])
    points: Floats = probabilities.astype(np.float64) @ weights
    return points.reshape(ORDERS, -1)


def _explanation(
    answer: QualityAnswer, row: npt.NDArray[np.float32], parts: Floats, points: Floats, context: QualityContext
) -> QualityExplanation:
    ranges = context.usual[context.grades.index(answer.grade)]
    contributions = [
        QualityContribution(
            feature=name,
            value=None if np.isnan(row[slot]) else float(row[slot]),
            usual_low=ranges[slot][0],
            usual_high=ranges[slot][1],
            contribution=float(parts[slot]),
        )
        for slot, name in enumerate(context.features)
    ]
    contributions.sort(key=_size, reverse=True)
    return QualityExplanation(answer=answer, base=float(points[0, 0]), contributions=tuple(contributions))


def _size(one: QualityContribution) -> float:
    return abs(one.contribution)
