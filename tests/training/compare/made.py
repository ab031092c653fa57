"""Evaluation rows made for tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.measures.evaluation_rows import with_keys
from training.recipe import Evaluation, Kind


def values(error: float, rows: int = 400, seed: int = 1, blocks: int = 40) -> Evaluation:
    """A model that misses by about `error`; the actual values are the same for every seed."""
    actual = np.random.default_rng(0).uniform(50, 150, rows)
    predicted = actual + np.random.default_rng(seed).normal(0, error, rows)
    place = np.arange(rows)
    table = pd.DataFrame(
        {"actual": actual, "predicted": predicted, "slice": np.where(place % 2, "part 10", "part 9")}
    )
    table = table.assign(low=predicted - 10, high=predicted + 10)
    return Evaluation(metrics=(), rows=with_keys(table, place % blocks, place))


def judged(kind: Kind, rows: int = 300, skill: float = 1.5, seed: int = 1) -> Evaluation:
    """Probabilities of class 1, or class names, of some skill."""
    actual = np.random.default_rng(0).integers(0, 2, rows)
    odds = np.random.default_rng(seed).normal(size=rows) + skill * (2 * actual - 1)
    predicted = np.round(1 / (1 + np.exp(-odds)), 2)
    table = pd.DataFrame({"actual": actual, "predicted": predicted})
    if kind == "classes":
        names = np.array(["B", "A"], dtype=object)
        table = pd.DataFrame({"actual": names[actual], "predicted": names[(predicted > 0.5).astype(int)]})
    return Evaluation(metrics=(), rows=with_keys(table, np.arange(rows) // 5, np.arange(rows)), kind=kind)
