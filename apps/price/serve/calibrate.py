"""From the booster's raw score to the model's outputs, in NumPy: the twin of the tail of the ONNX graph.

The booster works on log ratios divided by a scale that grows with the horizon. The interval reaches a multiple of
the market's own recent moves over as many days (`dispersion`) below and above the price; the multiples are
conformal, one pair per horizon. A market whose moves are hardly known borrows the typical move.
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
"""Where one horizon's row of a table ends and the next begins."""
BORROWED = np.float32(5)
"""The typical move has the weight of this many moves of the market itself."""
LARGEST_MOVE = np.float32(3)
"""A larger mean log move (twentyfold) does not occur in a market and is cut to this."""


def step_of(features: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Row of the horizon tables, 0 to 29; a missing horizon counts as 1."""
    steps: npt.NDArray[np.intp] = np.sum(features[:, HORIZON_COLUMN, None] > EDGES, axis=1)
    return steps


def mean_move(features: npt.NDArray[Any], typical: Floats) -> Floats:
    """Mean absolute log move over the horizon; `typical` (by horizon) counts for `BORROWED` moves."""
    step = step_of(features)
    own, known = features[:, DISPERSION_COLUMN], features[:, KNOWN_COLUMN]
    missing = np.isnan(own)
    count: Floats = np.where(np.isnan(known), 0, known) - (step + 1).astype(np.float32)
    count = np.where(missing, 0, np.clip(count, 0, WINDOW)).astype(np.float32)
    move: Floats = np.clip(np.where(missing, 0, own), 0, LARGEST_MOVE).astype(np.float32)
    moves: Floats = (count * move + BORROWED * typical[step]) / (count + BORROWED)
    return moves


def finish(features: npt.NDArray[Any], score: Floats, context: PriceContext) -> Arrays:
    """The app's outputs from the booster's raw `score` [n]."""
    step = step_of(features)
    moves = mean_move(features, np.array(context.typical, dtype=np.float32))
    reach = np.array(context.reach, dtype=np.float32)[step]
    point = score * SCALES[step]
    columns = (point, point - moves * reach[:, 0], point + moves * reach[:, 1])
    return {name: column[:, None] for name, column in zip(OUTPUTS, columns, strict=True)}
