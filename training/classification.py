"""Measures of classifiers and rankings, and bootstrap intervals of their gain over the naive baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

__all__ = [
    "accuracy",
    "alerts_at",
    "auroc",
    "average_precision",
    "brier",
    "calibration_error",
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
    """Area under the ROC curve; 0.5 is chance. NaN where only one class occurs."""
    return float(metrics.roc_auc_score(actual, score)) if len(np.unique(actual)) == 2 else float("nan")


def average_precision(actual: Vector, score: Vector) -> float:
    """Mean precision over the recall levels; the share of class 1 is chance."""
    return float(metrics.average_precision_score(actual, score))


def brier(actual: Vector, probability: Vector) -> float:
    """Mean squared error of a probability; smaller is better."""
    return float(np.square(probability - actual).mean())


def accuracy(actual: Vector, predicted: Vector) -> float:
    """Share of rows with the right class."""
    return float((actual == predicted).mean())


def precision(actual: Vector, flagged: Vector) -> float:
    """Share of flagged rows that are class 1; 0 when none is flagged."""
    return float(metrics.precision_score(actual, flagged, zero_division=0))


def recall(actual: Vector, flagged: Vector) -> float:
    """Share of class 1 that is flagged."""
    return float(metrics.recall_score(actual, flagged, zero_division=0))


def macro_f1(actual: Vector, predicted: Vector) -> float:
    """Mean over the classes of the harmonic mean of precision and recall."""
    return float(metrics.f1_score(actual, predicted, average="macro", zero_division=0))


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
    order = np.argsort(where, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(where))[:-1])
    draw = np.random.default_rng(seed)
    gains = []
    for _ in range(resamples):
        rows = np.concatenate([members[index] for index in draw.integers(0, len(names), len(names))])
        gains.append(measure(actual[rows], model[rows]) - measure(actual[rows], baseline[rows]))
    low, high = np.nanquantile(gains, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
