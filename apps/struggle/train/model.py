"""The model: one booster for all days, with calibration and threshold per day, as one ONNX graph.

A first booster is fitted without the validation students, who calibrate it and set its thresholds. The final
booster is fitted on both groups, with the same number of rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from apps.struggle.schema import DAYS, StruggleContext
from apps.struggle.serve.calibrate import EDGES, finish, place_of, table_rows
from apps.struggle.serve.columns import DAY_COLUMN, FEATURES
from apps.struggle.serve.decide import OUTPUTS
from apps.struggle.serve.rules import rule
from serving.kernel.scores import sigmoid
from serving.kernel.tensors import Arrays
from training.errors import DataError
from training.fit.trainer import Table, Trainer
from training.measures.calibration import platt
from training.onnx.export import assemble
from training.onnx.trees import tree_node

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "DEFAULTS",
    "MISS_COST",
    "PARAMS",
    "StruggleModel",
    "calibrated",
    "fit_model",
    "graph",
    "rule_odds",
    "space",
]

Floats = npt.NDArray[Any]

MISS_COST = 1.5
"""Cost of a struggling student who is not flagged, in false alarms."""
ROUNDS = 400
EARLY_STOPPING = 25
LEAST = 100
"""Minimum validation rows per day; with fewer, a day uses the calibration and threshold of all days."""
PARAMS: dict[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
}
DEFAULTS: dict[str, Any] = {
    "max_depth": 5,
    "eta": 0.08,
    "min_child_weight": 20,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
}
"""Default search parameters."""


@dataclass(frozen=True)
class StruggleModel:
    """The booster, the version's context, and the same context for the rule."""

    booster: Any
    context: StruggleContext
    rule_context: StruggleContext

    def predict(self, inputs: Arrays) -> Arrays:
        """Compute the app's outputs from its inputs, with XGBoost and NumPy."""
        features = inputs["features"]
        return finish(features, _raw(self.booster, features), self.context)

    def baseline(self, features: Floats) -> Arrays:
        """Compute the rule's outputs, calibrated and with thresholds in the same way as the model's."""
        return finish(features, rule_odds(features), self.rule_context)


def space() -> dict[str, BaseDistribution]:
    """Return the search space of each parameter in `DEFAULTS`."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "max_depth": IntDistribution(2, 8),
        "eta": FloatDistribution(0.02, 0.3, log=True),
        "min_child_weight": IntDistribution(1, 100, log=True),
        "subsample": FloatDistribution(0.4, 1.0),
        "colsample_bytree": FloatDistribution(0.2, 1.0),
    }


def fit_model(train: Table, validation: Table, trainer: Trainer) -> StruggleModel:
    """Fit on train, calibrate on validation, refit on both. Raises `DataError` if a part has only one class."""
    for name, (_, target) in (("train", train), ("validation", validation)):
        if len(np.unique(target)) < 2:
            raise DataError(f"{name}: all students pass or all struggle; a fit needs both outcomes")
    params = {**PARAMS, **trainer.tuned(DEFAULTS)}
    first, last = trainer.xgboost_twice(params, train, validation, ROUNDS, EARLY_STOPPING)
    features, target = validation
    return StruggleModel(
        booster=last,
        context=calibrated(features, _raw(first, features), target),
        rule_context=calibrated(features, rule_odds(features), target),
    )


def calibrated(features: Floats, raw: Floats, target: Floats) -> StruggleContext:
    """Return slope, shift and threshold of each day, from raw log-odds [n] of rows not used for fitting."""
    place, rows = place_of(features), []
    everything = _calibration(raw, target)
    for day in range(len(DAYS)):
        own = place == day
        enough = own.sum() >= LEAST and len(np.unique(target[own])) == 2
        rows.append(_calibration(raw[own], target[own]) if enough else everything)
    slopes, shifts, thresholds = zip(*rows, strict=True)
    return StruggleContext(slopes=slopes, shifts=shifts, thresholds=thresholds)


def rule_odds(features: Floats) -> Floats:
    """Return the log-odds of the rule's probability [n]."""
    risk = rule(features).astype(np.float64)
    odds: Floats = np.log(risk / (1 - risk)).astype(np.float32)
    return odds


def graph(model: StruggleModel) -> onnx.ModelProto:
    """Return one ONNX graph: the trees, then the steps of `calibrate.finish`."""
    constants: dict[str, npt.NDArray[Any]] = {
        "day_column": np.array([DAY_COLUMN], dtype=np.int64),
        "edges": EDGES,
        "across": np.array([1], dtype=np.int64),
        "table": table_rows(model.context),
    }
    log_odds, probability, threshold = OUTPUTS
    node = helper.make_node
    nodes = [
        tree_node(model.booster, "features", "raw"),
        node("Gather", ["features", "day_column"], ["day"], axis=1),
        node("Greater", ["day", "edges"], ["passed"]),
        node("Cast", ["passed"], ["steps"], to=TensorProto.INT64),
        node("ReduceSum", ["steps", "across"], ["place"], keepdims=0),
        node("Gather", ["table", "place"], ["row"], axis=0),
        node("Split", ["row"], ["slope", "shift", threshold], axis=1, num_outputs=3),
        node("Mul", ["raw", "slope"], ["scaled"]),
        node("Add", ["scaled", "shift"], [log_odds]),
        node("Sigmoid", [log_odds], [probability]),
    ]
    return assemble(
        "struggle",
        nodes,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["row", len(FEATURES)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["row", 1]) for name in OUTPUTS],
        constants,
    )


def _raw(booster: Any, features: Floats) -> Floats:
    import xgboost

    raw: Floats = booster.predict(xgboost.DMatrix(features), output_margin=True)
    return raw


def _calibration(raw: Floats, target: Floats) -> tuple[float, float, float]:
    """Return slope and shift of the log-odds (Platt scaling), and the threshold for these probabilities."""
    slope, shift = platt(raw.astype(np.float64), target.astype(np.float64))
    probability = sigmoid(raw.astype(np.float64) * slope + shift)
    return round(slope, 6), round(shift, 6), _threshold(probability, target)


def _threshold(probability: Floats, target: Floats) -> float:
    """Return the mean of all thresholds with a cost within 1 % of the minimum; the minimum itself is noisy."""
    grid = np.linspace(0.05, 0.95, 181)
    misses = np.array([((probability < one) & (target == 1)).sum() for one in grid])
    alarms = np.array([((probability >= one) & (target == 0)).sum() for one in grid])
    costs = MISS_COST * misses + alarms
    return round(float(grid[costs <= 1.01 * costs.min()].mean()), 4)
