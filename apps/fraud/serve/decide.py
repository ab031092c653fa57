"""Convert model outputs to answers: risk levels and the features that cause them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.fraud.schema import FraudAnswer, FraudContext, FraudQuestion, FraudReason, Risk
from serving.kernel.tensors import Arrays

__all__ = ["MOST_REASONS", "decide", "risk_of"]

MOST_REASONS = 3
LEAST_SHARE = 0.1
"""Minimum share of the score for a feature to be a reason."""


def decide(questions: Sequence[FraudQuestion], outputs: Arrays, context: FraudContext) -> list[FraudAnswer]:
    """Return one answer per question."""
    scores, margins = outputs["score"].reshape(-1).tolist(), outputs["margins"].tolist()
    rows = zip(questions, scores, margins, outputs["contributions"], strict=True)
    return [_answer(*row, context) for row in rows]


def risk_of(margins: Sequence[float]) -> Risk:
    """Return the risk level from the score's margins over MEDIUM and HIGH; a positive margin is above."""
    medium, high = margins
    if high > 0:
        return "HIGH"
    return "MEDIUM" if medium > 0 else "LOW"


def _answer(
    question: FraudQuestion,
    score: float,
    margins: Sequence[float],
    contributions: npt.NDArray[Any],
    context: FraudContext,
) -> FraudAnswer:
    risk = risk_of(margins)
    return FraudAnswer(
        risk=risk,
        score=score,
        medium=context.medium,
        high=context.high,
        reasons=[] if risk == "LOW" else _reasons(question, score, contributions, context.features),
    )


def _reasons(
    question: FraudQuestion, score: float, contributions: npt.NDArray[Any], names: tuple[str, ...]
) -> list[FraudReason]:
    shares = contributions[: len(names)].astype(np.float64) / max(score, 1e-9)
    top = np.argsort(-shares, kind="stable")[:MOST_REASONS]
    return [
        FraudReason(feature=names[slot], value=question.features.get(names[slot]), share=round(float(share), 4))
        for slot, share in zip(top, shares[top], strict=True)
        if share >= LEAST_SHARE
    ]
