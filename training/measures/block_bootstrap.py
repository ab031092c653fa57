"""Paired block bootstrap: whether a gain over the baseline is more than chance when rows depend on each other."""

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
    """Confidence interval of the mean of `gains` (baseline error minus model error, for each row).

    Time is cut into blocks of length `block`, and the rows of a block (by their integer `times`) are drawn
    together. So correlated errors, such as those of one day in all markets, are not counted as independent
    evidence. Percentile bootstrap of the ratio of sums. Raises `ValueError` for fewer than ten blocks, where an
    interval would not be reliable.
    """
    if len(gains) == 0:
        raise ValueError("`gains` is empty; there are no rows to resample")
    _, where = np.unique((times - times.min()) // block, return_inverse=True)
    sums = np.bincount(where, weights=gains)
    counts = np.bincount(where)
    if len(sums) < 10:
        raise ValueError(f"{len(sums)} blocks of length {block}; a bootstrap interval needs at least 10")
    draws = np.random.default_rng(seed).integers(0, len(sums), size=(resamples, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
