"""Measures of classifiers and rankings, and bootstrap intervals of their gain over the naive baseline.

Scikit-learn's, to rounding, without its checks of every argument: an interval asks a thousand times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "accuracy",
    "alerts_at",
    "auroc",
    "average_precision",
    "brier",
    "calibration_error",
    "f1",
    "gain_interval",
    "macro_f1",
    "precision",
    "precision_at_budget",
    "recall",
    "reliability",
]

Vector = npt.NDArray[Any]
"""One value per row: 0 or 1 (or a class) where it says actual, a score or probability of class 1 otherwise."""


def auroc(actual: Vector, score: Vector) -> float:
    """Area under the ROC curve; 0.5 is chance. NaN where only one class occurs, or a score is NaN."""
    if len(score) == 0 or np.isnan(score).any():
        return float("nan")
    hits, alarms = _curve(actual, score)
    if hits[-1] == 0 or alarms[-1] == 0:
        return float("nan")
    before = np.concatenate([[0.0], hits[:-1]])
    return float(np.diff(alarms, prepend=0) @ (hits + before) / (2 * hits[-1] * alarms[-1]))


def average_precision(actual: Vector, score: Vector) -> float:
    """Mean precision over the recall levels; the share of class 1 is chance. NaN where a score is NaN."""
    if np.isnan(score).any():
        return float("nan")
    hits, alarms = _curve(actual, score)
    return float(np.diff(hits, prepend=0) @ (hits / (hits + alarms)) / hits[-1]) if hits[-1] else 0.0


def brier(actual: Vector, probability: Vector) -> float:
    """Mean squared error of a probability; smaller is better."""
    return float(np.square(probability - actual).mean())


def accuracy(actual: Vector, predicted: Vector) -> float:
    """Share of rows with the right class."""
    return float((actual == predicted).mean())


def precision(actual: Vector, flagged: Vector) -> float:
    """Share of flagged rows that are class 1; 0 when none is flagged."""
    return _share(actual == 1, flagged == 1)


def recall(actual: Vector, flagged: Vector) -> float:
    """Share of class 1 that is flagged; 0 when there is none."""
    return _share(flagged == 1, actual == 1)


def f1(actual: Vector, flagged: Vector) -> float:
    """Harmonic mean of precision and recall; 0 when nothing is flagged or class 1."""
    wanted, found = actual == 1, flagged == 1
    total = int(wanted.sum()) + int(found.sum())
    return 2 * int((wanted & found).sum()) / total if total else 0.0


def macro_f1(actual: Vector, predicted: Vector) -> float:
    """Mean over the classes of the harmonic mean of precision and recall."""
    names, codes = np.unique(np.concatenate([actual, predicted]), return_inverse=True)
    wanted, found = np.split(codes, 2)
    right = np.bincount(wanted[wanted == found], minlength=len(names))
    return float((2 * right / np.bincount(codes)).mean())


def alerts_at(scores: Vector, budget: float) -> float:
    """The threshold that flags at most a share `budget` (0 to 1) of `scores`, by `score > threshold`.

    Take it on the validation part, never on the test part. Raises `ValueError` for a budget outside (0, 1).
    """
    if not 0 < budget < 1:
        raise ValueError(f"budget: {budget} is not allowed; expected a share between 0 and 1")
    return float(np.quantile(scores, 1 - budget, method="higher"))


def precision_at_budget(actual: Vector, score: Vector, budget: float) -> float:
    """Precision among the share `budget` of rows with the highest scores, at least one row."""
    count = max(1, int(round(budget * len(score))))
    top = np.argsort(-score, kind="stable")[:count]
    return float(np.asarray(actual)[top].mean())


def reliability(actual: Vector, probability: Vector, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean probability, share of class 1 and rows, per bin of equally many rows."""
    order = np.argsort(probability, kind="stable")
    return [
        (float(probability[part].mean()), float(actual[part].mean()), len(part))
        for part in np.array_split(order, bins)
        if len(part)
    ]


def calibration_error(actual: Vector, probability: Vector, bins: int = 10) -> float:
    """Mean distance between stated probability and observed share, over bins of equally many rows."""
    table = reliability(actual, probability, bins)
    return sum(rows * abs(stated - seen) for stated, seen, rows in table) / len(actual)


def gain_interval(
    measure: Callable[[Vector, Vector], float],
    actual: Vector,
    model: Vector,
    baseline: Vector,
    groups: Vector,
    seed: int,
    resamples: int = 500,
    level: float = 0.95,
) -> tuple[float, float]:
    """Paired bootstrap interval of `measure(actual, model) - measure(actual, baseline)`.

    Rows with the same `groups` (a student, a vendor, a week) are drawn together. Draws on which the measure is
    undefined are left out. Raises `ValueError` below ten groups: no interval can be trusted then.
    """
    names, where = np.unique(groups, return_inverse=True)
    if len(names) < 10:
        raise ValueError(f"{len(names)} groups; at least 10 are needed for a bootstrap interval")
    order, sizes = np.argsort(where, kind="stable"), np.bincount(where)
    starts = np.cumsum(sizes) - sizes
    draw = np.random.default_rng(seed)
    gains = []
    for _ in range(resamples):
        drawn = draw.integers(0, len(names), len(names))
        many = sizes[drawn]
        # Each drawn group's rows, one group after the other.
        shift = starts[drawn] - (np.cumsum(many) - many)
        rows = order[np.repeat(shift, many) + np.arange(many.sum())]
        gains.append(measure(actual[rows], model[rows]) - measure(actual[rows], baseline[rows]))
    low, high = np.nanquantile(gains, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _curve(actual: Vector, score: Vector) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rows of class 1 and of class 0 with at least each score that occurs, the highest first."""
    order = np.argsort(-score.astype(np.float64), kind="stable")
    ranked = score[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(actual[order] == 1)[ends].astype(np.float64)
    return hits, 1 + ends - hits


def _share(these: Vector, among: Vector) -> float:
    """Share of the rows `among` that are `these` too; 0 without any."""
    count = int(among.sum())
    return int((these & among).sum()) / count if count else 0.0
