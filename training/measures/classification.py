"""Measures of classifiers and rankings, and bootstrap intervals of their gain over the naive baseline.

Equal to scikit-learn's up to rounding, but without its argument checks: an interval calls them a thousand times.
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
    "balanced_accuracy",
    "brier",
    "calibration_error",
    "calibration_error_by_chance",
    "f1",
    "gain_interval",
    "macro_f1",
    "precision",
    "precision_at_budget",
    "recall",
    "reliability",
]

Vector = npt.NDArray[Any]
"""One value per row: 0, 1 or a class for actual values, otherwise a score or the probability of class 1."""


def auroc(actual: Vector, score: Vector) -> float:
    """Area under the ROC curve; 0.5 is chance. NaN when only one class occurs or a score is NaN."""
    if len(score) == 0 or np.isnan(score).any():
        return float("nan")
    hits, alarms = _curve(actual, score)
    if hits[-1] == 0 or alarms[-1] == 0:
        return float("nan")
    before = np.concatenate([[0.0], hits[:-1]])
    return float(np.diff(alarms, prepend=0) @ (hits + before) / (2 * hits[-1] * alarms[-1]))


def average_precision(actual: Vector, score: Vector) -> float:
    """Mean precision over the recall levels; chance is the share of class 1. NaN when a score is NaN."""
    if np.isnan(score).any():
        return float("nan")
    hits, alarms = _curve(actual, score)
    return float(np.diff(hits, prepend=0) @ (hits / (hits + alarms)) / hits[-1]) if hits[-1] else 0.0


def brier(actual: Vector, probability: Vector) -> float:
    """Mean squared error of a probability; smaller is better."""
    return float(np.square(probability - actual).mean())


def accuracy(actual: Vector, predicted: Vector) -> float:
    """Share of rows with the correct class."""
    return float((actual == predicted).mean())


def balanced_accuracy(actual: Vector, predicted: Vector) -> float:
    """Mean over the classes that occur of the share of their rows with the correct class.

    Classes are numbers from 0 on. One answer to every row, or answers dealt at random, get 1 / classes.
    """
    rows = np.bincount(actual)
    right = np.bincount(actual[actual == predicted], minlength=len(rows))
    return float((right[rows > 0] / rows[rows > 0]).mean())


def precision(actual: Vector, flagged: Vector) -> float:
    """Share of flagged rows that are class 1; 0 when none is flagged."""
    return _share(actual == 1, flagged == 1)


def recall(actual: Vector, flagged: Vector) -> float:
    """Share of class 1 that is flagged; 0 without rows of class 1."""
    return _share(flagged == 1, actual == 1)


def f1(actual: Vector, flagged: Vector) -> float:
    """Harmonic mean of precision and recall; 0 when nothing is flagged and nothing is class 1."""
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
    """The threshold for which `score > threshold` flags at most a share `budget` of `scores`.

    Compute it on the validation part, never on the test part. Raises `ValueError` for a budget outside (0, 1).
    """
    if not 0 < budget < 1:
        raise ValueError(f"`budget` must be between 0 and 1, not {budget}")
    return float(np.quantile(scores, 1 - budget, method="higher"))


def precision_at_budget(actual: Vector, score: Vector, budget: float) -> float:
    """Precision among the share `budget` of rows with the highest scores, at least one row."""
    count = max(1, int(round(budget * len(score))))
    top = np.argsort(-score, kind="stable")[:count]
    return float(np.asarray(actual)[top].mean())


def reliability(actual: Vector, probability: Vector, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean probability, share of class 1 and row count of each bin. All bins have about the same row count."""
    order = np.argsort(probability, kind="stable")
    return [
        (float(probability[part].mean()), float(actual[part].mean()), len(part))
        for part in np.array_split(order, bins)
        if len(part)
    ]


def calibration_error(actual: Vector, probability: Vector, bins: int = 10) -> float:
    """Mean distance between predicted probability and observed share, over bins with equal row counts."""
    table = reliability(actual, probability, bins)
    return sum(rows * abs(stated - seen) for stated, seen, rows in table) / len(actual)


def calibration_error_by_chance(
    probability: Vector, quantile: float, bins: int = 10, draws: int = 2000, seed: int = 0
) -> float:
    """A quantile of the calibration error that right probabilities show on as many rows.

    Few rows show an error although every probability is right, because the observed shares vary.
    """
    draw = np.random.default_rng(seed)
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    errors = np.zeros(draws)
    for part in parts:
        stated = float(probability[part].mean())
        errors += np.abs(draw.binomial(len(part), stated, draws) - len(part) * stated)
    return float(np.quantile(errors, quantile)) / len(probability)


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

    Rows with the same value in `groups` (a student, a vendor, a week) are drawn together. Draws for which the
    measure is undefined are skipped. Raises `ValueError` for fewer than ten groups, where an interval would not be
    reliable.
    """
    names, where = np.unique(groups, return_inverse=True)
    if len(names) < 10:
        raise ValueError(f"{len(names)} groups; a bootstrap interval needs at least 10")
    order, sizes = np.argsort(where, kind="stable"), np.bincount(where)
    starts = np.cumsum(sizes) - sizes
    draw = np.random.default_rng(seed)
    gains = []
    for _ in range(resamples):
        drawn = draw.integers(0, len(names), len(names))
        many = sizes[drawn]
        # The rows of the drawn groups, one group after the other.
        shift = starts[drawn] - (np.cumsum(many) - many)
        rows = order[np.repeat(shift, many) + np.arange(many.sum())]
        gains.append(measure(actual[rows], model[rows]) - measure(actual[rows], baseline[rows]))
    low, high = np.nanquantile(gains, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _curve(actual: Vector, score: Vector) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """For each distinct score, highest first: the rows of class 1 and of class 0 with at least that score."""
    order = np.argsort(-score.astype(np.float64), kind="stable")
    ranked = score[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(actual[order] == 1)[ends].astype(np.float64)
    return hits, 1 + ends - hits


def _share(these: Vector, among: Vector) -> float:
    """Share of the rows in `among` that are also in `these`; 0 when `among` is empty."""
    count = int(among.sum())
    return int((these & among).sum()) / count if count else 0.0
