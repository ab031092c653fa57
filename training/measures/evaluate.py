"""Measures of regression, and metrics beside the naive baseline on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.kernel.storage.version_manifest import Metric

__all__ = ["beside", "coverage", "mae", "mape", "pinball", "r2", "rmse", "wape"]

Vector = npt.NDArray[Any]
Measure = Callable[[Vector, Vector], float]

SMALL = 0.05
"""MAPE is refused when an actual value is below this share of the median: that row would dominate the mean."""


def mae(actual: Vector, predicted: Vector) -> float:
    """Mean absolute error, in the target's unit."""
    return float(np.abs(actual - predicted).mean())


def rmse(actual: Vector, predicted: Vector) -> float:
    """Root of the mean squared error, in the target's unit."""
    return float(np.sqrt(np.square(actual - predicted).mean()))


def r2(actual: Vector, predicted: Vector) -> float:
    """Share of the variance that is explained; NaN when the actual values do not vary."""
    spread = np.square(actual - actual.mean()).sum()
    return float(1 - np.square(actual - predicted).sum() / spread) if spread > 0 else float("nan")


def mape(actual: Vector, predicted: Vector) -> float:
    """Mean absolute percentage error, in percent. Raises `ValueError` when actual values are near zero."""
    size = np.abs(actual)
    if size.min() <= SMALL * np.median(size):
        raise ValueError(
            f"mape: the value {size.min():g} is near zero (the median is {np.median(size):g}); use wape"
        )
    return float((np.abs(actual - predicted) / size).mean() * 100)


def wape(actual: Vector, predicted: Vector) -> float:
    """Sum of absolute errors over the sum of absolute values, in percent; infinite when all values are zero."""
    total = np.abs(actual).sum()
    return float(np.abs(actual - predicted).sum() / total * 100) if total else float("inf")


def coverage(actual: Vector, low: Vector, high: Vector) -> float:
    """Share of actual values inside [low, high]."""
    return float(((actual >= low) & (actual <= high)).mean())


def pinball(actual: Vector, predicted: Vector, quantile: float) -> float:
    """Mean pinball loss of a predicted quantile (0 to 1), in the target's unit."""
    error = actual - predicted
    return float(np.maximum(quantile * error, (quantile - 1) * error).mean())


def beside(
    name: str,
    measure: Measure,
    actual: Vector,
    predicted: Vector,
    baseline: Vector,
    part: str = "all",
    unit: str = "",
    better: str = "lower",
    gain: tuple[float, float] | None = None,
) -> Metric:
    """A metric of the model and of the baseline on the same rows. `gain` is the interval of their difference."""
    return Metric(
        name=name,
        value=measure(actual, predicted),
        slice=part,
        unit=unit,
        baseline=measure(actual, baseline),
        better=better,
        rows=len(actual),
        gain_low=gain[0] if gain else None,
        gain_high=gain[1] if gain else None,
    )
