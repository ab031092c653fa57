"""Baselines without a model: the most frequent grade, and the nearest grade mean of the best measurement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.measures.classification import macro_f1

__all__ = ["Baseline", "fit_baseline"]

Floats = npt.NDArray[np.float64]
Grades = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Baseline:
    """Baselines fitted on the train part only."""

    slot: int
    """The measurement whose means separate the grades best."""
    means: Floats
    """[grades] its mean by grade."""
    fallback: float
    """Substitute for a missing value."""
    shares: Floats
    """[grades] frequency of each grade."""

    def nearest(self, values: Floats) -> Grades:
        """Return [n] the grade with the nearest mean, from [n, measurements]."""
        return _nearest(values[:, self.slot], self.means, self.fallback)

    def most_frequent(self, count: int) -> Grades:
        """Return [count] copies of the most frequent grade."""
        return np.full(count, int(self.shares.argmax()), dtype=np.intp)


def fit_baseline(values: Floats, grades: Grades, center: Floats) -> Baseline:
    """Try every measurement and keep the one with the best macro-F1. `center` replaces missing values."""
    count = int(grades.max()) + 1
    filled = np.where(np.isnan(values), center, values)
    means = np.array([filled[grades == grade].mean(axis=0) for grade in range(count)])
    scores = [macro_f1(grades, _nearest(filled[:, slot], means[:, slot], 0.0)) for slot in range(values.shape[1])]
    best = int(np.argmax(scores))
    return Baseline(best, means[:, best], float(center[best]), np.bincount(grades) / len(grades))


def _nearest(column: Floats, means: Floats, fallback: float) -> Grades:
    filled = np.where(np.isnan(column), fallback, column)
    nearest: Grades = np.abs(filled[:, None] - means).argmin(axis=1)
    return nearest
