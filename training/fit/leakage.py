"""Find features that leak the target, before a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import DataError

__all__ = ["LEAST_ROWS", "refuse_leaking_features"]

LEAST_ROWS = 50
"""With fewer rows, a column that counts 1, 2, 3, ... or follows the target may be chance."""
PERFECT = 1 - 1e-9


def refuse_leaking_features(features: npt.NDArray[Any], target: npt.NDArray[Any]) -> None:
    """Refuse a feature matrix [rows, columns] with a column that is the target or a linear function of it."""
    if len(target) < LEAST_ROWS or np.ptp(target) == 0:
        return
    centred = target.astype(float) - target.mean()
    for index in range(features.shape[1]):
        column = features[:, index].astype(float)
        known = np.isfinite(column)
        if known.sum() < LEAST_ROWS or np.ptp(column[known]) == 0 or np.ptp(centred[known]) == 0:
            continue
        if abs(np.corrcoef(column[known], centred[known])[0, 1]) >= PERFECT:
            raise DataError(f"feature {index} leaks the target: it determines the target in every row; drop it")
