"""From a model's scores to what people read: probabilities, and the TreeSHAP contributions behind a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Contribution", "largest_first", "sigmoid", "tree_shap"]

F = TypeVar("F", np.float32, np.float64)


class Contribution(NamedTuple):
    """What one feature contributed to the margin of one answer."""

    feature: str
    value: float | None
    """The feature's value; None if it is missing."""
    share: float


def sigmoid(log_odds: npt.NDArray[F]) -> npt.NDArray[F]:
    """Probabilities of `log_odds`, in the same shape and precision, as the ONNX operator `Sigmoid` has them."""
    # The exponent is never positive, so it cannot overflow.
    small = np.exp(-np.abs(log_odds))
    probability: npt.NDArray[F] = np.where(log_odds >= 0, 1 / (1 + small), small / (1 + small))
    return probability


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
