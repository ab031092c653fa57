"""What needs no model: the most frequent grade, and the nearest grade mean of the one best measurement."""

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
    """Fitted on the lots to fit on only."""

    slot: int
    """The measurement whose means tell the grades apart best."""
    means: Floats
    """[grades] its mean by grade."""
    fallback: float
    """Stands for a missing value."""
    shares: Floats
    """[grades] how frequent each is."""

    def nearest(self, values: Floats) -> Grades:
        """[n] the grade whose mean is nearest, from [n, measurements]."""
        return _nearest(values[:, self.slot], self.means, self.fallback)

    def most_frequent(self, count: int) -> Grades:
        """[count] the most frequent grade."""
        return np.full(count, int(self.shares.argmax()), dtype=np.intp)


def fit_baseline(values: Floats, grades: Grades, center: Floats) -> Baseline:
    """Try every measurement and keep the best in macro-F1. `center` stands for missing values."""
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
