"""Convert model outputs to answers: the most probable grade, the score, and the reason for a flag."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.quality.schema import QualityAnswer, QualityContext, QualityDifference, QualityQuestion
from apps.quality.serve.columns import LEAST_HISTORY, MOST_HISTORY
from apps.quality.serve.features import deviations, fill, usual
from serving.kernel.tensors import Arrays

__all__ = ["OUTPUTS", "decide", "differences"]

OUTPUTS = ("score", "probabilities", "anomaly")
"""Names of the model's outputs: FP32 [n, 1] 0 to 100, [n, grades] that sum to 1, [n, 1] above 0 if unusual."""

SHOWN = 3
"""Maximum number of differences named for one lot."""


def decide(questions: Sequence[QualityQuestion], outputs: Arrays, context: QualityContext) -> list[QualityAnswer]:
    """Return one answer per question."""
    scores = outputs["score"].reshape(-1).tolist()
    margins = outputs["anomaly"].reshape(-1).tolist()
    rows = zip(questions, scores, outputs["probabilities"].tolist(), margins, strict=True)
    return [_answer(*row, context) for row in rows]


def differences(question: QualityQuestion, context: QualityContext) -> tuple[QualityDifference, ...]:
    """Return the measurements with the largest deviations, at most three, largest first."""
    lots = fill([question], context)
    compared = usual(lots, context)
    away = deviations(lots, compared)[0]
    order = np.argsort(-np.abs(np.nan_to_num(away)), kind="stable")[:SHOWN].tolist()
    return tuple(
        QualityDifference(
            name=context.features[slot],
            value=float(lots.values[0, slot]),
            usual=float(compared.center[0, slot]),
            spreads=round(float(away[slot]), 2),
        )
        for slot in order
        if not np.isnan(away[slot])
    )


def _answer(
    question: QualityQuestion, score: float, probabilities: list[float], margin: float, context: QualityContext
) -> QualityAnswer:
    anomaly = margin > 0
    furthest = differences(question, context) if anomaly else ()
    own = len(question.history) >= LEAST_HISTORY
    given = question.measurements
    return QualityAnswer(
        grade=context.grades[probabilities.index(max(probabilities))],
        probabilities={name: round(value, 4) for name, value in zip(context.grades, probabilities, strict=True)},
        score=round(min(max(score, 0.0), 100.0), 2),
        score_is="expected grade value" if context.values else "confidence",
        anomaly=anomaly,
        anomaly_margin=round(margin, 4),
        against="supplier" if own else "all lots",
        reason=_reason(furthest, own) if anomaly else "",
        differences=furthest,
        missing=tuple(name for name in context.features if name not in given),
        supplier=question.supplier,
        history=min(len(question.history), MOST_HISTORY),
    )


def _reason(furthest: tuple[QualityDifference, ...], own: bool) -> str:
    others = "the supplier's lots" if own else "all lots"
    if not furthest:
        return f"unlike {others} taken together"
    return f"unlike {others}: {'; '.join(map(_difference, furthest))}"


def _difference(one: QualityDifference) -> str:
    side = "above" if one.spreads > 0 else "below"
    return f"{one.name} is {abs(one.spreads):.1f} spreads {side} its usual {one.usual:.6g}"
