"""The rule: a simple estimate from the mean score so far and the share of missed submissions.

It is the naive baseline for every metric, and the fallback if no version is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.struggle.schema import StruggleAnswer, StruggleQuestion
from apps.struggle.serve.columns import FEATURES
from apps.struggle.serve.decide import answer
from apps.struggle.serve.features import compute
from apps.struggle.serve.reasons import reasons

__all__ = ["THRESHOLD", "fallback", "rule"]

THRESHOLD = 0.5
SURE = 0.95
"""The rule's probabilities lie between 1 minus this and this."""
START = 0.4
"""Probability if nothing was due and nothing is scored: roughly the share of students who do not pass."""

_MEAN, _MISSED = (FEATURES.index(name) for name in ("mean", "missed_share"))


def rule(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a rough probability [n] from features [n, F]: missed submissions raise it, the mean score lowers it.

    It exceeds 0.5 if half of the due work is missing, or if all is submitted with a mean of 40 %.
    """
    mean, missed = features[:, _MEAN].astype(np.float64), features[:, _MISSED].astype(np.float64)
    shortfall = np.clip((90.0 - mean) / 100.0, 0.0, 1.0)
    risk = np.where(np.isnan(mean), START, shortfall) + np.where(np.isnan(missed), 0.0, 0.5 * missed)
    found: npt.NDArray[np.float32] = np.clip(risk, 1 - SURE, SURE).astype(np.float32)
    return found


def fallback(questions: Sequence[StruggleQuestion]) -> list[StruggleAnswer]:
    """Return one answer per question by the rule, marked as a fallback. Raises `Invalid` as the features do."""
    features = compute(questions)
    rows = zip(questions, rule(features).tolist(), reasons(features), strict=True)
    return [answer(question, risk, THRESHOLD, words, fallback=True) for question, risk, words in rows]
