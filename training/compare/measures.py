"""Measures of weighted rows, for all rows and for many bootstrap draws at once.

A draw has a weight for each block: how often it was drawn. A measure takes weights [draws, blocks] and returns
[draws].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.recipe import Kind

__all__ = ["Measure", "Side", "measures_of", "side_of"]

Floats = npt.NDArray[np.float64]
Better = Literal["lower", "higher", "nominal"]

SMALLEST = float(np.finfo(np.float32).eps)
"""The log loss clips probabilities to this distance from 0 and 1, because models answer in FP32."""


@dataclass(frozen=True)
class Side:
    """The answers of one version, each [n]: numbers, or codes of classes. Blocks are numbered from 0."""

    actual: Floats
    predicted: Floats
    block: npt.NDArray[np.intp]
    low: Floats
    high: Floats
    order: Floats
    """The score that ranks the rows."""

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return int(self.block.max()) + 1


@dataclass(frozen=True)
class Measure:
    """One measure. A `nominal` measure is neither better nor worse when it is larger."""

    name: str
    better: Better
    of: Callable[[Side, Floats], Floats]
    """(side, weights [draws, blocks]) -> [draws]; NaN where undefined."""


def side_of(rows: pd.DataFrame, classes: pd.Index[Any] | None = None) -> Side:
    """The rows of one version as numbers. `classes`, for predicted classes, are the classes of both versions."""
    if classes is None:
        actual, predicted = (rows[name].to_numpy(dtype=np.float64) for name in ("actual", "predicted"))
    else:
        actual, predicted = (
            classes.get_indexer(pd.Index(rows[name])).astype(np.float64) for name in ("actual", "predicted")
        )
    low, high = (_column(rows, name, predicted) for name in ("low", "high"))
    block = np.unique(rows["block"].to_numpy().astype(str), return_inverse=True)[1].reshape(-1)
    return Side(actual, predicted, block, low, high, _column(rows, "score", predicted))


def measures_of(kind: Kind, columns: set[str], wape: bool = False) -> tuple[Measure, ...]:
    """The measures for rows of a kind with these columns."""
    if kind == "classes":
        return (Measure("accuracy", "higher", _mean(_right)), Measure("macro_f1", "higher", _macro_f1))
    if kind == "probabilities":
        ranked = (Measure("auroc", "higher", _auroc), Measure("average_precision", "higher", _average_precision))
        # When there is a score, `predicted` is a rank, not a probability.
        if "score" in columns:
            return ranked
        return (
            *ranked,
            Measure("brier", "lower", _mean(_squares)),
            Measure("log_loss", "lower", _mean(_log_loss)),
        )
    found = [Measure("mae", "lower", _mean(_errors)), Measure("rmse", "lower", _rmse)]
    found += [Measure("wape", "lower", _wape)] if wape else []
    if {"low", "high"} <= columns:
        found += [Measure("coverage", "nominal", _mean(_held)), Measure("width", "nominal", _mean(_width))]
    return tuple(found)


def _column(rows: pd.DataFrame, name: str, default: Floats) -> Floats:
    return rows[name].to_numpy(dtype=np.float64) if name in rows else default


def _sums(side: Side, values: Floats, weights: Floats) -> Floats:
    """[draws] weighted sums of one value per row."""
    found: Floats = weights @ np.bincount(side.block, values, side.blocks)
    return found


def _mean(values: Callable[[Side], Floats]) -> Callable[[Side, Floats], Floats]:
    def mean(side: Side, weights: Floats) -> Floats:
        return _sums(side, values(side), weights) / _sums(side, np.ones(len(side.block)), weights)

    return mean


def _errors(side: Side) -> Floats:
    errors: Floats = np.abs(side.actual - side.predicted)
    return errors


def _squares(side: Side) -> Floats:
    squares: Floats = np.square(side.actual - side.predicted)
    return squares


def _held(side: Side) -> Floats:
    return ((side.actual >= side.low) & (side.actual <= side.high)).astype(np.float64)


def _width(side: Side) -> Floats:
    return side.high - side.low


def _right(side: Side) -> Floats:
    right: Floats = (side.actual == side.predicted).astype(np.float64)
    return right


def _log_loss(side: Side) -> Floats:
    stated = np.clip(np.where(side.actual > 0, side.predicted, 1 - side.predicted), SMALLEST, 1 - SMALLEST)
    losses: Floats = -np.log(stated)
    return losses


def _rmse(side: Side, weights: Floats) -> Floats:
    root: Floats = np.sqrt(_mean(_squares)(side, weights))
    return root


def _wape(side: Side, weights: Floats) -> Floats:
    """In percent."""
    return 100 * _share(_sums(side, _errors(side), weights), _sums(side, np.abs(side.actual), weights))


def _macro_f1(side: Side, weights: Floats) -> Floats:
    """Mean F1 of the classes that occur in the actual or predicted values."""
    count = int(max(side.actual.max(), side.predicted.max())) + 1
    scores = np.full((count, len(weights)), np.nan)
    for number in range(count):
        actual, found = (side.actual == number), (side.predicted == number)
        right = _sums(side, (actual & found).astype(np.float64), weights)
        both = _sums(side, actual.astype(np.float64) + found, weights)
        scores[number] = _share(2 * right, both)
    found_classes = ~np.isnan(scores)
    total: Floats = np.where(found_classes, scores, 0.0).sum(axis=0) / found_classes.sum(axis=0)
    return total


def _auroc(side: Side, weights: Floats) -> Floats:
    """Pairs of rows with equal scores count half."""
    positive, every = _ranked(side, weights)
    negative = every - positive
    below = np.cumsum(negative, axis=1) - negative / 2
    return _share((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _average_precision(side: Side, weights: Floats) -> Floats:
    positive, every = (part[:, ::-1] for part in _ranked(side, weights))
    precision = np.nan_to_num(_share(np.cumsum(positive, axis=1), np.cumsum(every, axis=1)))
    return _share((positive * precision).sum(axis=1), positive.sum(axis=1))


def _ranked(side: Side, weights: Floats) -> tuple[Floats, Floats]:
    """Two arrays [draws, distinct scores], by ascending score: the weight of class 1, and of all rows."""
    order = np.argsort(side.order, kind="stable")
    scores = side.order[order]
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    each = weights[:, side.block[order]]
    positive = np.add.reduceat(each * side.actual[order], starts, axis=1)
    return positive, np.add.reduceat(each, starts, axis=1)


def _share(part: Floats, whole: Floats) -> Floats:
    """NaN where the whole is 0."""
    found: Floats = np.divide(part, whole, out=np.full_like(part, np.nan), where=whole != 0)
    return found
