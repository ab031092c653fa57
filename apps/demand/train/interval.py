"""Half-width of Prophet's interval, computed without sampling.

Prophet simulates the future trend. At each step, with probability p, the slope changes by a Laplace variate of
scale b, and the trend grows by the sum of the slopes. A change m steps ago has moved the trend by (m + 1/2) steps.
These moves and Gaussian noise have a symmetric sum. Its characteristic function is a product in closed form:

    phi(u) = exp(-sigma^2 u^2 / 2) * prod_m (1 - p + p / (1 + (c b h (m + 1/2) u)^2))

with h one step in Prophet's time and c = |1 + multiplicative terms|. The Gil-Pelaez integral gives the
distribution. Prophet itself draws 1,000 samples from the same distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["LARGEST", "Spread", "halves", "level_of", "reach", "spread_of"]

Floats = npt.NDArray[np.float64]

NODES = 1024
STEP = 0.15
"""Integration step, in units of 1 / standard deviation; aliases lie 40 standard deviations away."""
LARGEST = 12.0
"""Half-widths are clipped to this many standard deviations."""
POINTS = 241


@dataclass(frozen=True)
class Spread:
    """Uncertainty of a fitted series, in units of its scale."""

    sigma: float
    """Standard deviation of the noise."""
    laplace: float
    """Scale of a slope change; 0 for a flat trend."""
    chance: float
    """Probability of a slope change at one step."""
    step: float
    """One step in Prophet's time."""


def spread_of(model: object, step: float) -> Spread:
    """Return the uncertainty of a fitted Prophet (without MCMC); `step` is one step in its time."""
    parameters = model.params  # type: ignore[attr-defined]
    sigma = float(np.mean(parameters["sigma_obs"]))
    if model.growth == "flat":  # type: ignore[attr-defined]
        return Spread(sigma, 0.0, 0.0, step)
    changes = len(model.changepoints_t)  # type: ignore[attr-defined]
    laplace = float(np.mean(np.abs(parameters["delta"][0]))) + 1e-8
    return Spread(sigma, laplace, min(1.0, changes * step), step)


def reach(spread: Spread, steps: int, factors: Floats, level: float) -> Floats:
    """Return the half-width of the interval with coverage `level`: [steps + 1, factors], step 0 first.

    `factors` are the values of c. Raises `ValueError` unless 0 < level < 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level} must be between 0 and 1, exclusive")
    every = np.repeat(np.arange(steps + 1), len(factors))
    return halves(spread, every, np.tile(factors, steps + 1), level).reshape(steps + 1, len(factors))


def level_of(spread: Spread, steps: npt.NDArray[np.int64], factors: Floats, misses: Floats) -> Floats:
    """Return the lowest interval level that contains each of `misses` [n], the distances to the true values."""
    levels = np.empty(len(misses))
    for step in np.unique(steps):
        rows = np.flatnonzero(steps == step)
        deviation = _deviation(spread, int(step), factors[rows])
        shares = _distribution(spread, int(step), factors[rows], deviation)
        for column, place in enumerate(rows):
            share = np.interp(misses[place] / deviation[column], _points(), shares[:, column])
            levels[place] = 2 * share - 1
    return levels


def halves(spread: Spread, steps: npt.NDArray[np.int64], factors: Floats, level: float) -> Floats:
    """Return the half-width [n] of the interval with coverage `level` for each pair of steps and factors [n]."""
    found = np.empty(len(steps))
    for step in np.unique(steps):
        rows = np.flatnonzero(steps == step)
        deviation = _deviation(spread, int(step), factors[rows])
        shares = _distribution(spread, int(step), factors[rows], deviation)
        for column, place in enumerate(rows):
            found[place] = np.interp((1 + level) / 2, shares[:, column], _points()) * deviation[column]
    return found


@cache
def _points() -> Floats:
    return np.linspace(0.0, LARGEST, POINTS)


@cache
def _nodes() -> Floats:
    # Midpoints, because the integrand is undefined at zero.
    nodes: Floats = (np.arange(NODES) + 0.5) * STEP
    return nodes


@cache
def _kernel() -> Floats:
    nodes = _nodes()
    kernel: Floats = np.sin(np.outer(_points(), nodes)) / nodes * (STEP / np.pi)
    return kernel


def _moves(spread: Spread, step: int) -> Floats:
    moves: Floats = spread.laplace * spread.step * (np.arange(step) + 0.5)
    return moves


def _deviation(spread: Spread, step: int, factors: Floats) -> Floats:
    """Return the standard deviation [factors]."""
    trend = 2 * spread.chance * np.square(_moves(spread, step)).sum()
    deviation: Floats = np.sqrt(spread.sigma**2 + np.square(factors) * trend)
    return deviation


def _distribution(spread: Spread, step: int, factors: Floats, deviation: Floats) -> Floats:
    """Return the CDF at each of `_points()` standard deviations: [points, factors], increasing."""
    frequency = _nodes()[:, None] / deviation
    log = -0.5 * np.square(spread.sigma * frequency)
    for move in _moves(spread, step) if spread.chance else ():
        log += np.log1p(spread.chance * (1 / (1 + np.square(factors * move * frequency)) - 1))
    shares: Floats = np.maximum.accumulate(0.5 + _kernel() @ np.exp(log), axis=0)
    return shares
