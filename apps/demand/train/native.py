"""The native model of a version: Prophet's own forecasts, with the interval computed in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.demand.serve.decide import OUTPUTS
from apps.demand.train.graph import LAST_DAY
from apps.demand.train.prophet import point
from apps.demand.train.tables import GRID, Tables
from serving.kernel.tensors import Arrays

__all__ = ["DemandModel"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DemandModel:
    """Fitted Prophet models and their tables, in the order of the version's series."""

    models: Sequence[Any]
    tables: Tables

    def predict(self, inputs: Arrays) -> Arrays:
        """Compute the app's outputs from `features`. Prophet determines the holidays from the day of the row."""
        features = inputs["features"]
        outputs = np.full((3, len(features)), np.nan)
        finite = np.isfinite(features).all(axis=1)
        places = np.clip(np.nan_to_num(features[:, 0]), 0, len(self.models) - 1).astype(np.int64)
        for place, model in enumerate(self.models):
            rows = np.flatnonzero(finite & (places == place))
            if len(rows):
                yhat, terms = point(model, np.clip(features[rows, 1], 0, LAST_DAY))
                half = self.half(place, features[rows, 2], np.abs(1 + terms))
                outputs[:, rows] = yhat, yhat - half, yhat + half
        return {name: values[:, None] for name, values in zip(OUTPUTS, outputs, strict=True)}

    def half(self, place: int, steps: Floats, factors: Floats) -> Floats:
        """Return the half-width of the interval of one series, in its unit."""
        table = self.tables.reach[place]
        grid = np.linspace(0, self.tables.widest[place], GRID)
        step = np.clip(steps, 0, len(table) - 1).astype(np.int64)
        scale = self.tables.scale[place]
        return np.array([np.interp(one, grid, table[row]) * scale for one, row in zip(factors, step, strict=True)])
