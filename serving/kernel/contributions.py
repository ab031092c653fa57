"""Exact TreeSHAP contributions from a native booster, for explanations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Contribution", "largest_first", "tree_shap"]


class Contribution(NamedTuple):
    """What one feature contributed to the margin of one answer."""

    feature: str
    value: float | None
    """The feature's value; None if it is missing."""
    share: float


def tree_shap(booster: Any, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Contributions [n, F + 1] to the margin of each row of `features` [n, F]; the last column is the base."""
    import xgboost

    shares: npt.NDArray[np.float32] = booster.predict(xgboost.DMatrix(features, nthread=1), pred_contribs=True)
    return shares.astype(np.float64)


def largest_first(
    names: Sequence[str], values: npt.NDArray[Any], shares: npt.NDArray[np.float64]
) -> list[Contribution]:
    """The contributions to one row by descending absolute share; equal shares keep the order of `names`."""
    found = [
        Contribution(name, None if math.isnan(value) else float(value), float(share))
        for name, value, share in zip(names, values, shares, strict=True)
    ]
    return sorted(found, key=_size, reverse=True)


def _size(one: Contribution) -> float:
    return abs(one.share)
