"""The model: robust scaling, five views of how far a record is from normal ones, and the score they give.

Each view tells every value of a record: the filling network from the other values, two copying networks from the
whole record, the memory from the records most like it, and the median without looking. A view's error of a value
counts in units of what is typical for a normal record, its distance is the root mean square over the values. The
score is the mean logarithm of the views' distances: a record must be odd in several of them to be far up, and no
view drowns the others. A feature's part of the score is its mean share of the squares.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from apps.fraud.schema import FraudContext
from apps.fraud.serve.features import table
from apps.fraud.train.memory import MEMORY_RECORDS, fit_memory, recalled
from apps.fraud.train.network import COPIERS, HIDDEN, HIDDEN_SHARE, NOISE, Networks, build, copied, left_out, loss
from serving.kernel.tensors import Arrays

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "DEFAULTS",
    "LEAST",
    "LIMIT",
    "MOST_ERRORS",
    "PARAMS",
    "FraudModel",
    "Scaling",
    "errors_of",
    "fit_model",
    "fit_networks",
    "fit_scaling",
    "space",
    "squares_of",
    "typical_of",
]

Floats = npt.NDArray[np.float32]

LIMIT = np.float32(30)
"""Scaled values are cut there: nothing overflows, and one wild number is not all of a score."""
SMALLEST = 0.1
"""Part of the standard deviation that the scale has at least; quartiles may lie together."""
SMALLEST_ERROR = 0.05
"""Typical errors, in scaled units, count as at least this: a feature that never varied is not all of a score."""

MOST_ERRORS = np.float32(100)
"""Typical errors that one value counts for at most."""
LEAST = np.float32(0.03)
"""Distance that every view adds, in squares: below it records are equally normal."""
USUAL = 0.9
"""Share of the normal records whose distance in a view is below 1."""

TRAIN_ROWS = 30_000
STOP_ROWS = 5_000
"""Most rows the network learns from and stops on; a random part of larger tables."""
STEPS = 600
"""Least number of steps a fit of full length has."""
EPOCHS = 15
EARLY_STOPPING = 20
DEFAULTS: dict[str, Any] = {
    "hidden_share": HIDDEN_SHARE,
    "noise": NOISE,
    "batch": 256,
    "learning_rate": 2e-3,
}
"""What a search may choose."""
PARAMS: dict[str, Any] = {
    "hidden": list(HIDDEN),
    "copiers": COPIERS,
    "kept": MEMORY_RECORDS,
    "limit": float(LIMIT),
    "early_stopping": EARLY_STOPPING,
    "most_rows": TRAIN_ROWS,
}
"""What a run records about the fit."""


@dataclass(frozen=True)
class Scaling:
    """Median and robust spread of each feature among normal records, [d]."""

    middle: Floats
    spread: Floats

    def apply(self, features: Floats) -> tuple[Floats, Floats]:
        """Scaled values, 0 where missing, and which are known (1 or 0), both [n, d]."""
        missing = np.isnan(features)
        with np.errstate(over="ignore"):
            scaled = np.clip((features - self.middle) / self.spread, -LIMIT, LIMIT)
        return np.where(missing, np.float32(0), scaled).astype(np.float32), (~missing).astype(np.float32)


@dataclass(frozen=True)
class FraudModel:
    """Everything the graph is made of."""

    scaling: Scaling
    networks: Networks
    memory: Floats
    """Scaled records of the memory, [k, d]."""
    typical: Floats
    """Errors of normal records by view, [views, d]."""
    context: FraudContext

    def predict(self, inputs: Arrays) -> Arrays:
        """The app's inputs to the app's outputs, by PyTorch and NumPy."""
        features = inputs["features"][:, : self.typical.shape[1]]
        values, known = self.scaling.apply(features)
        squares = squares_of(errors_of(self.networks, self.memory, values, known), self.typical, known)
        distances = squares.sum(axis=2, keepdims=True)
        # Half the logarithm of a square is that of its root. Records of which nothing is known score 0.
        logs = np.log(np.maximum(distances, np.square(LEAST)) / np.square(LEAST))
        score = logs.mean(axis=0) / 2
        shares = (squares / np.maximum(distances, np.square(LEAST))).mean(axis=0)
        contributions = np.nan_to_num(table(score * shares))
        thresholds = np.array([self.context.medium, self.context.high], dtype=np.float32)
        return {"score": score, "margins": score - thresholds, "contributions": contributions}


def fit_scaling(features: Floats) -> Scaling:
    """From normal records, NaN where missing; a column without values, or with one only, is left in its unit."""
    known = np.where(np.isnan(features).all(axis=0), np.float32(0), features).astype(np.float64)
    low, middle, high = np.nanquantile(known, [0.25, 0.5, 0.75], axis=0)
    deviation = np.nanstd(known, axis=0)
    quartiles = (high - low) / 1.349
    spread = np.where(quartiles > 0, np.maximum(quartiles, SMALLEST * deviation), deviation)
    # Rounding of large constants must not count as spread.
    flat = spread <= 1e-6 * np.maximum(np.abs(middle), 1e-12)
    return Scaling(middle.astype(np.float32), np.where(flat, 1, spread).astype(np.float32))


def space() -> dict[str, BaseDistribution]:
    """What each of `DEFAULTS` may be."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        "hidden_share": FloatDistribution(0.1, 0.7),
        "noise": FloatDistribution(0.0, 1.0),
        "batch": CategoricalDistribution((128, 256, 512)),
        "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
    }


def fit_networks(scaling: Scaling, train: Floats, validation: Floats, trainer: Any) -> Networks:
    """Fit on normal records, stop on others."""
    import torch

    draw = np.random.default_rng(trainer.seed)
    tables = [
        scaling.apply(features[np.sort(draw.permutation(len(features))[:most])])
        for features, most in ((train, TRAIN_ROWS), (validation, STOP_ROWS))
    ]
    rows, width = tables[0][0].shape
    trainer.log(f"{rows} of {len(train)} normal records to learn from, {len(tables[1][0])} to stop on")
    chosen: Mapping[str, Any] = trainer.tuned(DEFAULTS)
    raw = trainer.torch(
        functools.partial(build, width),
        functools.partial(loss, hidden_share=chosen["hidden_share"], noise=chosen["noise"]),
        *tables,
        epochs=max(EPOCHS, STEPS // max(1, rows // chosen["batch"])),
        batch_size=chosen["batch"],
        learning_rate=chosen["learning_rate"],
        early_stopping=EARLY_STOPPING,
    )
    networks = build(width)
    networks.load_state_dict(torch.load(io.BytesIO(raw), weights_only=True))
    return networks.eval()


def errors_of(networks: Networks, memory: Floats, values: Floats, known: Floats) -> Floats:
    """Absolute errors of the values as each view tells them, [views, n, d]."""
    predicted = [
        left_out(networks.filler, values, known),
        *(copied(copier, values, known) for copier in networks.copiers),
        recalled(memory, values, known),
        np.zeros_like(values),
    ]
    errors: Floats = np.abs(values - np.stack(predicted))
    return errors


def squares_of(errors: Floats, typical: Floats, known: Floats) -> Floats:
    """What each value brings to the square of each view's distance, [views, n, d]; nothing where missing."""
    squares = np.square(np.minimum(errors / typical[:, None], MOST_ERRORS)) + np.square(LEAST)
    parts: Floats = squares * known / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return parts


def typical_of(errors: Floats, known: Floats) -> Floats:
    """Errors of normal records, [views, n, d], to their units, [views, d].

    The root mean square of each value, times what sets the distance of `USUAL` of the records below 1.
    """
    squares = np.square(errors) * known
    mean = np.sqrt(squares.sum(axis=1) / np.maximum(known.sum(axis=0), 1))
    mean = np.maximum(mean, np.float32(SMALLEST_ERROR))
    distances = np.sqrt(squares_of(errors, mean, known).sum(axis=2))
    whole = np.quantile(distances, USUAL, axis=1, keepdims=True).astype(np.float32)
    typical: Floats = np.maximum(mean * whole, np.float32(SMALLEST_ERROR))
    return typical


def fit_model(train: Floats, validation: Floats, names: tuple[str, ...], trainer: Any) -> FraudModel:
    """Scaling, networks and memory from the normal records of train, typical errors from those of validation."""
    scaling = fit_scaling(train)
    networks = fit_networks(scaling, train, validation, trainer)
    memory = fit_memory(scaling.apply(train)[0], trainer.seed)
    some = validation[np.random.default_rng(trainer.seed).permutation(len(validation))[:TRAIN_ROWS]]
    values, known = scaling.apply(some)
    typical = typical_of(errors_of(networks, memory, values, known), known)
    return FraudModel(scaling, networks, memory, typical, FraudContext(features=names))
