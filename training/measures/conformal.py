"""Split conformal calibration: how far to widen fitted intervals so that they hold their share of unseen rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["factor", "factors_by_group"]

Vector = npt.NDArray[np.float64]


def factor(misses: Vector, halves: Vector, share: float) -> float:
    """By what to multiply `halves` so that a `share` of the rows has `misses` <= factor * half.

    `misses` are distances of the truth beyond the middle, on one side of it (negative: on the other side), and
    `halves` the fitted distance of that bound from the middle, above 0. The quantile is the conformal one, so the
    share is reached on new rows that are exchangeable with these. Never below 0.
    """
    if len(misses) == 0:
        raise ValueError("conformal calibration needs rows; there are none")
    if not 0 < share < 1:
        raise ValueError(f"share {share} is not between 0 and 1")
    if not np.all(halves > 0):
        raise ValueError("halves must be above 0")
    rank = min(int(np.ceil(share * (len(misses) + 1))), len(misses))
    scores = np.partition(misses / halves, rank - 1)
    return max(0.0, float(scores[rank - 1]))


def factors_by_group(
    misses: Vector, halves: Vector, groups: npt.NDArray[np.int64], share: float
) -> dict[int, float]:
    """`factor` of each group of rows, such as a horizon, ascending."""
    return {
        int(group): factor(misses[groups == group], halves[groups == group], share) for group in np.unique(groups)
    }
