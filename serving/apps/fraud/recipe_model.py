"""The model: robust scaling, the autoencoder's errors, and their sum as the score.

A feature's error is how far its value lies from what the others tell, in units of what is typical for a normal
record. The score is the root of the mean squared error; a feature's part of it is its share of the squares.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from serving.apps.fraud.features import table
from serving.apps.fraud.recipe_network import (
    HIDDEN,
    HIDDEN_SHARE,
    NOISE,
    Autoencoder,
    build,
    filling_loss,
    left_out,
)
from serving.apps.fraud.schema import FraudContext
from serving.inference.contract import Arrays

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "DEFAULTS",
    "LIMIT",
    "MOST_ERRORS",
    "PARAMS",
    "TINY",
    "FraudModel",
    "Scaling",
    "errors_of",
    "fit_model",
    "fit_network",
    "fit_scaling",
    "space",
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
TINY = np.float32(1e-9)

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
    network: Autoencoder
    typical: Floats
    """Root mean squared errors of normal records, [d]."""
    context: FraudContext

    def predict(self, inputs: Arrays) -> Arrays:
        """The app's inputs to the app's outputs, by PyTorch and NumPy."""
        features = inputs["features"][:, : len(self.typical)]
        values, known = self.scaling.apply(features)
        errors = np.minimum(errors_of(self.network, values, known) / self.typical, MOST_ERRORS)
        squares = np.square(errors) * known / np.maximum(known.sum(axis=1, keepdims=True), 1)
        score = np.sqrt(squares.sum(axis=1, keepdims=True))
        contributions = np.nan_to_num(table(squares / np.maximum(score, TINY)))
        thresholds = np.array([self.context.medium, self.context.high], dtype=np.float32)
        return {"score": score, "margins": score - thresholds, "contributions": contributions}


def fit_scaling(features: Floats) -> Scaling:
    """From normal records, NaN where missing; a column without values, or with one only, is left in its unit."""
    known = np.where(np.isnan(features).all(axis=0), np.float32(0), features).astype(np.float64)
    low, middle, high = np.nanquantile(known, [0.25, 0.5, 0.75], axis=0)
    deviation = np.nanstd(known, axis=0)
    quartiles = (high - low) / 1.349
    spread = np.where(quartiles > 0, np.maximum(quartiles, SMALLEST * deviation), deviation)
    # The rounding of large constants is no spread.
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


def fit_network(scaling: Scaling, train: Floats, validation: Floats, trainer: Any) -> Autoencoder:
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
        functools.partial(filling_loss, hidden_share=chosen["hidden_share"], noise=chosen["noise"]),
        *tables,
        epochs=max(EPOCHS, STEPS // max(1, rows // chosen["batch"])),
        batch_size=chosen["batch"],
        learning_rate=chosen["learning_rate"],
        early_stopping=EARLY_STOPPING,
    )
    network = build(width)
    network.load_state_dict(torch.load(io.BytesIO(raw), weights_only=True))
    return network


def errors_of(network: Autoencoder, values: Floats, known: Floats) -> Floats:
    """Absolute errors of the values told from the others of their rows, [n, d]."""
    errors: Floats = np.abs(values - left_out(network, values, known))
    return errors


def fit_model(train: Floats, validation: Floats, names: tuple[str, ...], trainer: Any) -> FraudModel:
    """Scaling and network from the normal records of train, typical errors from those of validation."""
    scaling = fit_scaling(train)
    network = fit_network(scaling, train, validation, trainer)
    some = validation[np.random.default_rng(trainer.seed).permutation(len(validation))[:TRAIN_ROWS]]
    values, known = scaling.apply(some)
    squares = np.square(errors_of(network, values, known)) * known
    typical = np.sqrt(squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return FraudModel(
        scaling, network, np.maximum(typical, np.float32(SMALLEST_ERROR)), FraudContext(features=names)
    )
