"""The model: robust scaling, five views of a record's distance from normal records, and the combined score.

Each view predicts every value of a record. The filling network predicts it from the other values, the two copying
networks from the whole record, the memory from the most similar records, and the median view from no value at all.
An error counts in units of the typical error on normal records. A view's distance is the root mean square of the
errors over the values. The score is the mean logarithm of the views' distances: a high score needs large distances
in several views, and no view dominates the others. A feature's share of the score is its mean share of the
squares.
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
"""Scaled values are clipped to this limit, which prevents overflow and domination by one outlier."""
SMALLEST = 0.1
"""Minimum scale, as a fraction of the standard deviation; quartiles may coincide."""
SMALLEST_ERROR = 0.05
"""Minimum typical error, in scaled units. It keeps a feature that never varied from dominating a score."""

MOST_ERRORS = np.float32(100)
"""Maximum error of one value, in typical errors."""
LEAST = np.float32(0.03)
"""Minimum distance in every view; records with smaller distances count as equally normal."""
USUAL = 0.9
"""Share of the normal records with a distance below 1 in a view."""

TRAIN_ROWS = 30_000
STOP_ROWS = 5_000
"""Maximum rows for fitting and for early stopping; larger tables are sampled at random."""
STEPS = 600
"""Minimum number of steps of a full-length fit."""
EPOCHS = 15
EARLY_STOPPING = 20
DEFAULTS: dict[str, Any] = {
    "hidden_share": HIDDEN_SHARE,
    "noise": NOISE,
    "batch": 256,
    "learning_rate": 2e-3,
}
"""Default search parameters."""
PARAMS: dict[str, Any] = {
    "hidden": list(HIDDEN),
    "copiers": COPIERS,
    "kept": MEMORY_RECORDS,
    "limit": float(LIMIT),
    "early_stopping": EARLY_STOPPING,
    "most_rows": TRAIN_ROWS,
}
"""Fixed parameters recorded with a run."""


@dataclass(frozen=True)
class Scaling:
    """Median and robust spread of each feature among normal records, [d]."""

    middle: Floats
    spread: Floats

    def apply(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the scaled values, 0 if missing, and a mask of known values (1 or 0), both [n, d]."""
        missing = np.isnan(features)
        with np.errstate(over="ignore"):
            scaled = np.clip((features - self.middle) / self.spread, -LIMIT, LIMIT)
        return np.where(missing, np.float32(0), scaled).astype(np.float32), (~missing).astype(np.float32)


@dataclass(frozen=True)
class FraudModel:
    """The fitted parts that make up the graph."""

    scaling: Scaling
    networks: Networks
    memory: Floats
    """Scaled records of the memory, [k, d]."""
    typical: Floats
    """Typical errors of normal records by view, [views, d]."""
    context: FraudContext

    def predict(self, inputs: Arrays) -> Arrays:
        """Compute the app's outputs from its inputs, with PyTorch and NumPy."""
        features = inputs["features"][:, : self.typical.shape[1]]
        values, known = self.scaling.apply(features)
        squares = squares_of(errors_of(self.networks, self.memory, values, known), self.typical, known)
        distances = squares.sum(axis=2, keepdims=True)
        # Half the logarithm of the square is the logarithm of the root. Records without known values score 0.
        logs = np.log(np.maximum(distances, np.square(LEAST)) / np.square(LEAST))
        score = logs.mean(axis=0) / 2
        shares = (squares / np.maximum(distances, np.square(LEAST))).mean(axis=0)
        contributions = np.nan_to_num(table(score * shares))
        thresholds = np.array([self.context.medium, self.context.high], dtype=np.float32)
        return {"score": score, "margins": score - thresholds, "contributions": contributions}


def fit_scaling(features: Floats) -> Scaling:
    """Fit on normal records, NaN for missing values; columns with at most one distinct value keep their unit."""
    known = np.where(np.isnan(features).all(axis=0), np.float32(0), features).astype(np.float64)
    low, middle, high = np.nanquantile(known, [0.25, 0.5, 0.75], axis=0)
    deviation = np.nanstd(known, axis=0)
    quartiles = (high - low) / 1.349
    spread = np.where(quartiles > 0, np.maximum(quartiles, SMALLEST * deviation), deviation)
    # Rounding errors of large constants must not count as spread.
    flat = spread <= 1e-6 * np.maximum(np.abs(middle), 1e-12)
    return Scaling(middle.astype(np.float32), np.where(flat, 1, spread).astype(np.float32))


def space() -> dict[str, BaseDistribution]:
    """Return the search space of each parameter in `DEFAULTS`."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        "hidden_share": FloatDistribution(0.1, 0.7),
        "noise": FloatDistribution(0.0, 1.0),
        "batch": CategoricalDistribution((128, 256, 512)),
        "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
    }


def fit_networks(scaling: Scaling, train: Floats, validation: Floats, trainer: Any) -> Networks:
    """Fit on the normal records of `train`, with early stopping on those of `validation`."""
    import torch

    draw = np.random.default_rng(trainer.seed)
    tables = [
        scaling.apply(features[np.sort(draw.permutation(len(features))[:most])])
        for features, most in ((train, TRAIN_ROWS), (validation, STOP_ROWS))
    ]
    rows, width = tables[0][0].shape
    trainer.log(f"{rows} of {len(train)} normal records to fit on, {len(tables[1][0])} for early stopping")
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
    """Return the absolute errors of each view's predictions, [views, n, d]."""
    predicted = [
        left_out(networks.filler, values, known),
        *(copied(copier, values, known) for copier in networks.copiers),
        recalled(memory, values, known),
        np.zeros_like(values),
    ]
    errors: Floats = np.abs(values - np.stack(predicted))
    return errors


def squares_of(errors: Floats, typical: Floats, known: Floats) -> Floats:
    """Return each value's contribution to the squared distance of each view, [views, n, d]; 0 if missing."""
    squares = np.square(np.minimum(errors / typical[:, None], MOST_ERRORS)) + np.square(LEAST)
    parts: Floats = squares * known / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return parts


def typical_of(errors: Floats, known: Floats) -> Floats:
    """Return the typical errors, [views, d], from the errors of normal records, [views, n, d].

    A typical error is the root mean square per value, scaled so that a share `USUAL` of the records has a distance
    below 1.
    """
    squares = np.square(errors) * known
    mean = np.sqrt(squares.sum(axis=1) / np.maximum(known.sum(axis=0), 1))
    mean = np.maximum(mean, np.float32(SMALLEST_ERROR))
    distances = np.sqrt(squares_of(errors, mean, known).sum(axis=2))
    whole = np.quantile(distances, USUAL, axis=1, keepdims=True).astype(np.float32)
    typical: Floats = np.maximum(mean * whole, np.float32(SMALLEST_ERROR))
    return typical


def fit_model(train: Floats, validation: Floats, names: tuple[str, ...], trainer: Any) -> FraudModel:
    """Fit scaling, networks and memory on normal records of train, typical errors on those of validation."""
    scaling = fit_scaling(train)
    networks = fit_networks(scaling, train, validation, trainer)
    memory = fit_memory(scaling.apply(train)[0], trainer.seed)
    some = validation[np.random.default_rng(trainer.seed).permutation(len(validation))[:TRAIN_ROWS]]
    values, known = scaling.apply(some)
    typical = typical_of(errors_of(networks, memory, values, known), known)
    return FraudModel(scaling, networks, memory, typical, FraudContext(features=names))
