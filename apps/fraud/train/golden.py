"""Questions and feature rows from the test part, for golden rows and the parity check."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.fraud.schema import FraudQuestion
from apps.fraud.serve.features import table
from apps.fraud.train.data import LABEL, features_of, matrix
from apps.fraud.train.model import LIMIT, FraudModel

__all__ = ["golden", "parity_rows"]

Floats = npt.NDArray[np.float32]

GOLDEN_ROWS = 32
HELD_OUT_ROWS = 2000
EXTREMES = (0.0, -0.0, 1e30, -1e30, 1e-40, 3e38, -3e38)


def golden(test: pd.DataFrame) -> list[FraudQuestion]:
    """Return questions, half of them anomalies; every fourth question lacks one value."""
    names = features_of(test)
    kinds = [test[test[LABEL] == label] for label in (0, 1)]
    picked = pd.concat([kind.iloc[np.linspace(0, len(kind) - 1, GOLDEN_ROWS // 2).astype(int)] for kind in kinds])
    questions = []
    for number, row in enumerate(picked[list(names)].to_numpy(dtype=np.float64)):
        given = {name: None if np.isnan(value) else float(value) for name, value in zip(names, row, strict=True)}
        if number % 4 == 3 and sum(value is not None for value in given.values()) > 1:
            given[next(name for name, value in given.items() if value is not None)] = None
        questions.append(FraudQuestion(features=given))
    return questions


def parity_rows(model: FraudModel, test: pd.DataFrame) -> Floats:
    """Return held-out rows, scaling-limit and median rows, rows with missing values, and rows with extreme values.

    Held-out rows are repeated if there are few. Scaling-limit rows lie at and next to the limits. An extreme value
    is in one column or in all columns.
    """
    rng = np.random.default_rng(7)
    held = matrix(test)
    anomalies = np.flatnonzero(test[LABEL].to_numpy() == 1)[: HELD_OUT_ROWS // 4]
    chosen = np.concatenate([anomalies, rng.choice(len(held), HELD_OUT_ROWS)])
    rows, width = held[chosen], held.shape[1]
    scaling = model.scaling
    cuts = np.concatenate([scaling.middle + side * LIMIT * scaling.spread for side in (-1, 0, 1)])
    boundary = []
    for values in (cuts, np.nextafter(cuts, np.float32(np.inf)), np.nextafter(cuts, np.float32(-np.inf))):
        some = rows[rng.integers(0, len(rows), len(values))].copy()
        some[np.arange(len(values)), np.tile(np.arange(width), 3)] = values
        boundary.append(some)
    gaps = rows[rng.integers(0, len(rows), 200)].copy()
    gaps[rng.random(gaps.shape) < rng.random((len(gaps), 1))] = np.nan
    flat = np.repeat(np.array([*EXTREMES, np.nan], dtype=np.float32)[:, None], width, axis=1)
    single = np.repeat(rows[:1], width * 3, axis=0)
    single[np.arange(width * 3), np.tile(np.arange(width), 3)] = np.repeat(
        np.array([1e30, -1e30, np.nan], dtype=np.float32), width
    )
    return table(np.concatenate([rows, *boundary, gaps, single, flat]))
