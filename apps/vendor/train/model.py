"""The model: one calibrated booster on the log odds with the thresholds of the levels, as one ONNX graph.

The validation part determines the number of rounds. The booster is then refitted on train and validation, because
the latest shipments matter most. Calibration and thresholds come from the validation part and the booster fitted
without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
from onnx import TensorProto, helper

from apps.vendor.schema import VendorContext
from apps.vendor.serve.calibrate import finish, thresholds
from apps.vendor.serve.columns import FEATURES, RATE_COLUMN, RISING
from apps.vendor.serve.decide import OUTPUTS
from apps.vendor.serve.features import compute
from apps.vendor.train.history import histories_of, orders_of
from serving.kernel.scores import sigmoid
from serving.kernel.tensors import Arrays
from training.errors import DataError
from training.fit.trainer import Trainer
from training.measures.calibration import platt
from training.measures.classification import alerts_at
from training.onnx.export import assemble
from training.onnx.trees import tree_node

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["BUDGETS", "DEFAULTS", "PARAMS", "VendorModel", "fit_model", "graph", "importance", "space", "table"]

Floats = npt.NDArray[np.float32]

ROUNDS, EARLY_STOPPING = 600, 30
TREES: dict[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    # With few late shipments in the table, unconstrained trees would overfit to single years.
    "monotone_constraints": str(tuple(int(name in RISING) for name in FEATURES)),
}
DEFAULTS: dict[str, Any] = {
    "max_depth": 4,
    "eta": 0.05,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "min_child_weight": 20,
}
"""Default search parameters."""
BUDGETS = {"elevated": 0.3, "high": 0.1}
"""Shares of the validation shipments that are flagged at this level or above."""
PARAMS: dict[str, Any] = {
    **TREES,
    "early_stopping": EARLY_STOPPING,
    **{f"budget.{name}": share for name, share in BUDGETS.items()},
}
"""Fixed parameters recorded with a run."""


@dataclass(frozen=True)
class VendorModel:
    """The booster and the version's context."""

    booster: Any
    context: VendorContext

    def predict(self, inputs: Arrays) -> Arrays:
        """Compute the app's outputs from its inputs, with XGBoost and NumPy."""
        return finish(inputs["features"], _margin(self.booster, inputs["features"]), self.context)


def table(part: pd.DataFrame, base_rate: float) -> tuple[Floats, Floats]:
    """Return features and target of rows of the tidy table."""
    features = compute(orders_of(part), histories_of(part), base_rate)
    return features, part["late"].to_numpy(dtype=np.float32)


def space() -> dict[str, BaseDistribution]:
    """Return the search space of each parameter in `DEFAULTS`."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "max_depth": IntDistribution(2, 8),
        "eta": FloatDistribution(0.01, 0.2, log=True),
        "subsample": FloatDistribution(0.4, 1.0),
        "colsample_bytree": FloatDistribution(0.2, 1.0),
        "min_child_weight": IntDistribution(1, 100, log=True),
    }


def fit_model(train: pd.DataFrame, validation: pd.DataFrame, trainer: Trainer) -> VendorModel:
    """Fit, calibrate and set the thresholds on `validation`, then refit on both.

    Raises `DataError` if `validation` contradicts `train`: after calibration, a worse history would then lower the
    answer.
    """
    base_rate = float(train["late"].mean())
    early, late = table(train, base_rate), table(validation, base_rate)
    params = {**TREES, **trainer.tuned(DEFAULTS)}
    first, last = trainer.xgboost_twice(params, early, late, ROUNDS, EARLY_STOPPING)
    margin = _margin(first, late[0]).astype(np.float64)
    slope, intercept = platt(margin, late[1].astype(np.float64))
    if slope <= 0:
        raise DataError(
            f"fit: the validation part contradicts the train part (slope {slope:.2f}); "
            "provide more data, or data with more late shipments"
        )
    trainer.log(f"{first.num_boosted_rounds()} rounds; log odds are {slope:.2f} * margin + {intercept:.2f}")
    stated = sigmoid(slope * margin + intercept)
    levels = {name: alerts_at(stated, share) for name, share in BUDGETS.items()}
    return VendorModel(last, VendorContext(base_rate=base_rate, slope=slope, intercept=intercept, **levels))


def _margin(booster: Any, features: Floats) -> npt.NDArray[Any]:
    import xgboost

    margin: npt.NDArray[Any] = booster.predict(xgboost.DMatrix(features, nthread=1), output_margin=True)
    return margin


def importance(booster: Any) -> dict[str, float]:
    """Return each feature's share of the loss reduction."""
    gains = booster.get_score(importance_type="total_gain")
    return {name: float(gains.get(f"f{column}", 0.0)) for column, name in enumerate(FEATURES)}


def graph(model: VendorModel) -> onnx.ModelProto:
    """Return one ONNX graph: the tree ensemble, then the steps of `calibrate.finish`."""
    constants: dict[str, npt.NDArray[Any]] = {
        "slope": np.array(model.context.slope, dtype=np.float32),
        "intercept": np.array(model.context.intercept, dtype=np.float32),
        "thresholds": thresholds(model.context),
        "rate_column": np.array([RATE_COLUMN], dtype=np.int64),
    }
    log_odds, probability, excess, rate = OUTPUTS
    node = helper.make_node
    steps = [
        tree_node(model.booster, "features", "margin"),
        node("Mul", ["margin", "slope"], ["scaled"]),
        node("Add", ["scaled", "intercept"], [log_odds]),
        node("Sigmoid", [log_odds], [probability]),
        node("Sub", [probability, "thresholds"], [excess]),
        node("Gather", ["features", "rate_column"], [rate], axis=1),
    ]
    return assemble(
        "vendor",
        steps,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["row", len(FEATURES)])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["row", width])
            for name, width in OUTPUTS.items()
        ],
        constants,
    )
