"""Convert model outputs to answers. Only this module converts a probability to a decision and a risk level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from apps.struggle.schema import StruggleAnswer, StruggleContext, StruggleQuestion
from apps.struggle.serve.features import compute
from apps.struggle.serve.reasons import reasons
from serving.kernel.tensors import Arrays

__all__ = ["OUTPUTS", "answer", "decide"]

OUTPUTS = ("log_odds", "probability", "threshold")
"""Names of the model's outputs, FP32 [n, 1]: calibrated log-odds, probability, and the day's threshold."""


def decide(
    questions: Sequence[StruggleQuestion], outputs: Arrays, context: StruggleContext
) -> list[StruggleAnswer]:
    """Return one answer per question."""
    _, probability, threshold = (outputs[name].reshape(-1).tolist() for name in OUTPUTS)
    rows = zip(questions, probability, threshold, reasons(compute(questions)), strict=True)
    return [answer(*row) for row in rows]


def answer(
    question: StruggleQuestion,
    probability: float,
    threshold: float,
    words: tuple[str, ...],
    fallback: bool = False,
) -> StruggleAnswer:
    """Return the answer to one complete question."""
    struggles = probability >= threshold
    return StruggleAnswer(
        student=question.student,
        objective=question.objective,
        day=question.day or 0,
        probability=round(probability, 4),
        threshold=round(threshold, 4),
        struggles=struggles,
        confidence=None if fallback else round(probability if struggles else 1 - probability, 4),
        risk=_risk(probability, threshold),
        reasons=words,
        fallback=fallback,
    )


def _risk(probability: float, threshold: float) -> Literal["low", "medium", "high"]:
    if probability >= threshold:
        return "high"
    return "medium" if probability >= threshold / 2 else "low"
