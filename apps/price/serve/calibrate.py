"""Convert the booster's raw score to the model's outputs, in NumPy: the same steps as the tail of the ONNX graph.

The booster works on log ratios divided by a scale that grows with the horizon. The interval extends from the price
by a multiple of the market's own recent moves over the same number of days (`dispersion`). The multiples are
conformal, with one pair per horizon. If few moves of a market are known, the typical move supplements them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.price.schema import MAX_HORIZON, PriceContext
from apps.price.serve.columns import DISPERSION_COLUMN, HORIZON_COLUMN, KNOWN_COLUMN, WINDOW
from apps.price.serve.decide import OUTPUTS
from serving.kernel.tensors import Arrays

__all__ = ["BORROWED", "EDGES", "LARGEST_MOVE", "SCALES", "finish", "mean_move", "step_of"]

Floats = npt.NDArray[np.float32]

SCALES: Floats = (np.arange(1, MAX_HORIZON + 1) ** 0.75).astype(np.float32)
"""Unit of the raw score by horizon, 1 first."""
EDGES: Floats = (np.arange(1, MAX_HORIZON) + 0.5).astype(np.float32)
"""Boundaries between the horizons in a table."""
BORROWED = np.float32(5)
"""Weight of the typical move, in number of the market's own moves."""
LARGEST_MOVE = np.float32(3)
"""Maximum mean log move (a factor of twenty). Larger moves do not occur in a market and are clipped."""


def step_of(features: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the row of the horizon tables, 0 to 29; a missing horizon counts as 1."""
    steps: npt.NDArray[np.intp] = np.sum(features[:, HORIZON_COLUMN, None] > EDGES, axis=1)
    return steps


def mean_move(features: npt.NDArray[Any], typical: Floats) -> Floats:
    """Return the mean absolute log move over the horizon; `typical` (by horizon) has the weight `BORROWED`."""
    step = step_of(features)
    own, known = features[:, DISPERSION_COLUMN], features[:, KNOWN_COLUMN]
    missing = np.isnan(own)
    count: Floats = np.where(np.isnan(known), 0, known) - (step + 1).astype(np.float32)
    count = np.where(missing, 0, np.clip(count, 0, WINDOW)).astype(np.float32)
    move: Floats = np.clip(np.where(missing, 0, own), 0, LARGEST_MOVE).astype(np.float32)
    moves: Floats = (count * move + BORROWED * typical[step]) / (count + BORROWED)
    return moves


def finish(features: npt.NDArray[Any], score: Floats, context: PriceContext) -> Arrays:
    """Return the app's outputs from the booster's raw `score` [n]."""
    step = step_of(features)
    moves = mean_move(features, np.array(context.typical, dtype=np.float32))
    reach = np.array(context.reach, dtype=np.float32)[step]
    point = score * SCALES[step]
    columns = (point, point - moves * reach[:, 0], point + moves * reach[:, 1])
    return {name: column[:, None] for name, column in zip(OUTPUTS, columns, strict=True)}
