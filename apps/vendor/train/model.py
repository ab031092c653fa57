"""The model: one booster on the log odds, calibrated, with the thresholds of the levels, as one ONNX graph.

The rounds are chosen on the validation part; the booster is then fitted again on train and validation together,
because the latest shipments matter most. Calibration and thresholds are from the validation part and the booster
that had not seen it.
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
    # With few late shipments in the table the trees would learn what was odd about some years.
    "monotone_constraints": str(tuple(int(name in RISING) for name in FEATURES)),
}
DEFAULTS: dict[str, Any] = {
    "max_depth": 4,
    "eta": 0.05,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "min_child_weight": 20,
}
"""What a search may choose."""
BUDGETS = {"elevated": 0.3, "high": 0.1}
"""Shares of the validation shipments that are flagged, at least as this level."""
PARAMS: dict[str, Any] = {
    **TREES,
    "early_stopping": EARLY_STOPPING,
    **{f"budget.{name}": share for name, share in BUDGETS.items()},
}
"""What a run records about the fit."""


@dataclass(frozen=True)
class VendorModel:
    """The booster and what the version says about itself."""

    booster: Any
    context: VendorContext

    def predict(self, inputs: Arrays) -> Arrays:
        """The app's inputs to the app's outputs, by XGBoost and NumPy."""
        return finish(inputs["features"], _margin(self.booster, inputs["features"]), self.context)


def table(part: pd.DataFrame, base_rate: float) -> tuple[Floats, Floats]:
    """Features and target of rows of the tidy table."""
    features = compute(orders_of(part), histories_of(part), base_rate)
    return features, part["late"].to_numpy(dtype=np.float32)


def space() -> dict[str, BaseDistribution]:
    """What each of `DEFAULTS` may be."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "max_depth": IntDistribution(2, 8),
        "eta": FloatDistribution(0.01, 0.2, log=True),
        "subsample": FloatDistribution(0.4, 1.0),
        "colsample_bytree": FloatDistribution(0.2, 1.0),
        "min_child_weight": IntDistribution(1, 100, log=True),
    }


def fit_model(train: pd.DataFrame, validation: pd.DataFrame, trainer: Trainer) -> VendorModel:
    """Fit, calibrate and set the thresholds on `validation`, fit again on both.

    Raises `DataError` where `validation` shows the opposite of what `train` taught: calibrated on it, a worse
    history would lower the answer.
    """
    base_rate = float(train["late"].mean())
    early, late = table(train, base_rate), table(validation, base_rate)
    params = {**TREES, **trainer.tuned(DEFAULTS)}
    first, last = trainer.xgboost_twice(params, early, late, ROUNDS, EARLY_STOPPING)
    margin = _margin(first, late[0]).astype(np.float64)
    slope, intercept = platt(margin, late[1].astype(np.float64))
    if slope <= 0:
        raise DataError(
            f"fit: late shipments of the validation part are those the train part calls safe (slope {slope:.2f}); "
            "give more data, or data with more late shipments"
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
    """Share of the loss each feature took away."""
    gains = booster.get_score(importance_type="total_gain")
    return {name: float(gains.get(f"f{column}", 0.0)) for column, name in enumerate(FEATURES)}


def graph(model: VendorModel) -> onnx.ModelProto:
    """One ONNX graph: the tree ensemble, then the steps of `calibrate.finish`."""
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
