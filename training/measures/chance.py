"""Value beside chance: measures of answers, and of one and the same answer to every row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.kernel.storage.version_manifest import Metric
from training.measures.classification import gain_interval

__all__ = ["CHANCE", "beside_chance", "part_of"]

CHANCE = "beside chance"
"""End of the name of a slice whose baseline gives one answer to every row.

For precision and average precision, that is the share of class 1: what rows drawn at random would give.
"""

Vector = npt.NDArray[Any]


def part_of(part: str) -> str:
    """The name of the slice of `part` beside chance."""
    return CHANCE if part == "all" else f"{part}, {CHANCE}"


def beside_chance(
    name: str,
    measure: Callable[[Vector, Vector], float],
    actual: Vector,
    answers: Vector,
    groups: Vector,
    seed: int,
    part: str = "all",
    better: str = "higher",
    constant: float = 1.0,
    resamples: int = 200,
) -> Metric:
    """A metric of the answers and of the answer `constant` to every row, with the interval of the gain.

    The interval is missing where there are fewer than ten groups. The answers must not be booleans.
    """
    same = np.full(len(actual), constant)
    sign = 1.0 if better == "higher" else -1.0

    def gained(truth: Vector, given: Vector) -> float:
        return sign * measure(truth, given)

    low: float | None
    high: float | None
    try:
        low, high = gain_interval(gained, actual, answers, same, groups, seed, resamples)
    except ValueError:
        low = high = None
    return Metric(
        name=name,
        value=measure(actual, answers),
        baseline=measure(actual, same),
        slice=part_of(part),
        better=better,
        rows=len(actual),
        gain_low=low,
        gain_high=high,
    )
