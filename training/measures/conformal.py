"""Split conformal calibration: how far to widen fitted intervals to reach the wanted coverage on unseen rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["factor", "factors_by_group"]

Vector = npt.NDArray[np.float64]


def factor(misses: Vector, halves: Vector, share: float) -> float:
    """The factor with which a `share` of the rows has `misses` <= factor * `halves`. Never below 0.

    `halves` are the distances of one fitted bound from the middle of its interval, above 0. `misses` are the
    distances of the true values from the middle in the same direction, negative on the other side. The factor uses
    the conformal quantile, so new rows that are exchangeable with these reach the share too. Raises `ValueError`.
    """
    if len(misses) == 0:
        raise ValueError("`misses` is empty; conformal calibration needs rows")
    if not 0 < share < 1:
        raise ValueError(f"`share` must be between 0 and 1, not {share}")
    if not np.all(halves > 0):
        raise ValueError("`halves` must be above 0")
    rank = min(int(np.ceil(share * (len(misses) + 1))), len(misses))
    scores = np.partition(misses / halves, rank - 1)
    return max(0.0, float(scores[rank - 1]))


def factors_by_group(
    misses: Vector, halves: Vector, groups: npt.NDArray[np.int64], share: float
) -> dict[int, float]:
    """The `factor` of each group of rows, such as a horizon; groups in ascending order."""
    return {
        int(group): factor(misses[groups == group], halves[groups == group], share) for group in np.unique(groups)
    }
