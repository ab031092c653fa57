"""Paired block bootstrap: is a gain over the baseline more than chance on dependent rows?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["mean_gain"]


def mean_gain(
    gains: npt.NDArray[np.float64],
    times: npt.NDArray[np.int64],
    block: int,
    seed: int,
    resamples: int = 2000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of the mean of `gains` (baseline error less model error, row by row).

    Rows whose integer `times` fall into the same stretch of `block` are drawn together, so errors that are alike
    on one day in all markets, or on days close by, count as the little evidence they are. Percentile bootstrap of
    the ratio of sums. Raises `ValueError` when there are fewer than ten blocks: no interval can be trusted then.
    """
    if len(gains) == 0:
        raise ValueError("there are no rows to resample")
    _, where = np.unique((times - times.min()) // block, return_inverse=True)
    sums = np.bincount(where, weights=gains)
    counts = np.bincount(where)
    if len(sums) < 10:
        raise ValueError(f"{len(sums)} blocks of {block}; at least 10 are needed for a bootstrap interval")
    draws = np.random.default_rng(seed).integers(0, len(sums), size=(resamples, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
