"""Platt scaling: from a classifier's margin to calibrated log odds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving.kernel.scores import sigmoid

__all__ = ["platt"]

Vector = npt.NDArray[np.float64]

STEPS = 100
SMALL = 1e-10


def platt(margin: Vector, actual: Vector) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of `actual` (0 or 1) on `margin`, by Newton's method.

    Fit it on the validation part. As Platt proposed, the targets are slightly less than certain, so that perfectly
    separated classes do not drive the slope to infinity. Raises `ValueError` unless both classes occur.
    """
    positive, count = float(actual.sum()), len(actual)
    if not 0 < positive < count:
        raise ValueError(f"calibration needs rows of both classes; {positive:g} of {count} are class 1")
    target: Vector = np.where(actual > 0, (positive + 1) / (positive + 2), 1 / (count - positive + 2))
    center, spread = float(margin.mean()), float(margin.std()) or 1.0
    design: Vector = np.column_stack([(margin - center) / spread, np.ones(count)])
    weights: Vector = np.array([0.0, np.log(positive / (count - positive))])
    loss = _loss(design, weights, target)
    for _ in range(STEPS):
        stated = sigmoid(design @ weights)
        curve = design.T @ (design * (stated * (1 - stated))[:, None]) + SMALL * np.eye(2)
        step = np.linalg.solve(curve, design.T @ (target - stated))
        # A full step may overshoot when the classes are far apart.
        while (after := _loss(design, weights + step, target)) > loss and np.abs(step).max() > SMALL:
            step = step / 2
        weights, gained, loss = weights + step, loss - after, after
        if gained < SMALL:
            break
    slope = float(weights[0]) / spread
    return slope, float(weights[1]) - slope * center


def _loss(design: Vector, weights: Vector, target: Vector) -> float:
    """Mean cross entropy."""
    log_odds = design @ weights
    return float((np.logaddexp(0, log_odds) - target * log_odds).mean())
