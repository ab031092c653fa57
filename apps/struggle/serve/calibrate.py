"""Convert the booster's raw log-odds to the model's outputs, in NumPy: the same steps as the tail of the graph.

Each day of `DAYS` has its own calibration and threshold. A question uses those of the nearest day.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.struggle.schema import DAYS, StruggleContext
from apps.struggle.serve.columns import DAY_COLUMN
from apps.struggle.serve.decide import OUTPUTS
from serving.kernel.scores import sigmoid
from serving.kernel.tensors import Arrays

__all__ = ["EDGES", "finish", "place_of", "table_rows"]

Floats = npt.NDArray[np.float32]

EDGES: Floats = ((np.array(DAYS[:-1]) + np.array(DAYS[1:])) / 2).astype(np.float32)
"""Boundaries between the days in the table."""


def place_of(features: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the position in `DAYS` of the nearest day, by row; a missing day counts as the first."""
    places: npt.NDArray[np.intp] = np.sum(features[:, DAY_COLUMN, None] > EDGES, axis=1)
    return places


def table_rows(context: StruggleContext) -> Floats:
    """Return slope, shift and threshold of each day [4, 3]."""
    return np.array([context.slopes, context.shifts, context.thresholds], dtype=np.float32).T


def finish(features: npt.NDArray[Any], raw: npt.NDArray[Any], context: StruggleContext) -> Arrays:
    """Return the app's outputs from the booster's raw log-odds [n]."""
    slope, shift, threshold = table_rows(context)[place_of(features)].T
    log_odds = raw.astype(np.float32) * slope + shift
    columns = (log_odds, sigmoid(log_odds), threshold)
    return {name: column[:, None] for name, column in zip(OUTPUTS, columns, strict=True)}
