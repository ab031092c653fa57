"""The model: two boosters on scaled log ratios and a conformal interval, exported as one ONNX graph.

One booster answers for the next trading day, when most of a price move is noise that reverts on the day after. The
other booster answers for all later days. The validation period determines the number of rounds of each; both are
then refitted on train and validation with these rounds, because the latest prices matter most. The interval is a
multiple of each market's own recent moves. Fitted quantiles reflect the volatility of the training years and fail
when volatility rises, but a market's recent moves follow it. The multiples are conformal, from the validation
period and the boosters fitted without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from apps.price.schema import MAX_HORIZON, PriceContext
from apps.price.serve.calibrate import BORROWED, EDGES, LARGEST_MOVE, SCALES, finish, mean_move, step_of
from apps.price.serve.columns import DISPERSION_COLUMN, FEATURES, HORIZON_COLUMN, KNOWN_COLUMN, WINDOW
from apps.price.serve.decide import OUTPUTS
from apps.price.train.windows import Examples
from serving.kernel.tensors import Arrays
from training.measures.conformal import factors_by_group
from training.onnx.export import assemble
from training.onnx.trees import thresholds, tree_node

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "COVERAGE",
    "DEFAULTS",
    "PriceModel",
    "fit_model",
    "graph",
    "importance",
    "params_of",
    "space",
    "split_values",
]

Floats = npt.NDArray[np.float32]

COVERAGE = 0.9
ROUNDS = 600
EARLY_STOPPING = 30
SHARED: dict[str, Any] = {"max_depth": 6, "eta": 0.04, "subsample": 0.6, "colsample_bytree": 0.4}
"""Of both boosters. Small steps on small samples reduce the dependence on the seed."""
DEFAULTS: dict[str, Any] = {**SHARED, "near.min_child_weight": 5, "far.min_child_weight": 50}
"""Default search parameters."""
NEAR: dict[str, Any] = {
    "tree_method": "hist",
    "objective": "reg:pseudohubererror",
    "eval_metric": "mphe",
    "huber_slope": 0.02,
}
"""Horizon 1. All but the smallest errors count by their absolute size, so the fit approximates the median."""
FAR: dict[str, Any] = {
    "tree_method": "hist",
    "objective": "reg:quantileerror",
    "eval_metric": "quantile",
    "quantile_alpha": 0.5,
}
"""Horizons 2 to 30."""
EVERY_HORIZON = np.arange(1, MAX_HORIZON + 1)


@dataclass(frozen=True)
class PriceModel:
    """The boosters and the version's context."""

    near: Any
    far: Any
    context: PriceContext

    def predict(self, inputs: Arrays) -> Arrays:
        """Compute the app's outputs from its inputs, with XGBoost and NumPy."""
        features = inputs["features"]
        return finish(features, _scores(self.near, self.far, features), self.context)


def space() -> dict[str, BaseDistribution]:
    """Return the search space of each parameter in `DEFAULTS`."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "max_depth": IntDistribution(3, 9),
        "eta": FloatDistribution(0.01, 0.15, log=True),
        "subsample": FloatDistribution(0.4, 1.0),
        "colsample_bytree": FloatDistribution(0.2, 1.0),
        "near.min_child_weight": IntDistribution(1, 100, log=True),
        "far.min_child_weight": IntDistribution(5, 500, log=True),
    }


def boosters_of(chosen: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return XGBoost's parameters of the near and the far booster."""
    shared = {name: chosen[name] for name in SHARED}
    near, far = (
        {**fixed, **shared, "min_child_weight": chosen[f"{name}.min_child_weight"]}
        for name, fixed in (("near", NEAR), ("far", FAR))
    )
    return near, far


def params_of(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters recorded with a run."""
    near, far = boosters_of(chosen)
    return {
        "coverage": COVERAGE,
        "early_stopping": EARLY_STOPPING,
        **{f"near.{name}": value for name, value in near.items()},
        **{f"far.{name}": value for name, value in far.items()},
    }


def fit_model(train: Examples, validation: Examples, context: PriceContext, trainer: Any) -> PriceModel:
    """Fit, calibrate the interval on `validation`, refit on both. Sets `context.typical` and `.reach`."""
    fits = []
    for params, near in zip(boosters_of(trainer.tuned(DEFAULTS)), (True, False), strict=True):
        early, late = _table(train, near), _table(validation, near)
        fits.append(trainer.xgboost_twice(params, early, late, ROUNDS, EARLY_STOPPING))
        trainer.log(f"{'next day' if near else 'later days'}: {fits[-1][0].num_boosted_rounds()} rounds")
    (near_first, near_last), (far_first, far_last) = fits
    typical = _typical(train)
    scores = _scores(near_first, far_first, validation.features)
    reach = _reach(scores, validation, typical, context.coverage)
    context = msgspec.structs.replace(context, typical=tuple(typical.tolist()), reach=reach)
    return PriceModel(near_last, far_last, context)


def _scores(near: Any, far: Any, features: Floats) -> Floats:
    """Return each row's score from the booster of its horizon."""
    import xgboost

    rows = xgboost.DMatrix(features)
    return np.where(step_of(features) == 0, near.predict(rows), far.predict(rows))


def _table(rows: Examples, near: bool) -> tuple[Floats, Floats]:
    """Return features and scaled target of the rows that one booster answers for."""
    step = step_of(rows.features)
    own = (step == 0) == near
    return rows.features[own], rows.target[own] / SCALES[step[own]]


def _typical(rows: Examples) -> Floats:
    """Return the median of the mean moves by horizon, from windows with enough moves."""
    horizon = rows.table["horizon"].to_numpy(dtype=np.int64)
    enough = rows.features[:, KNOWN_COLUMN] >= WINDOW / 2
    moves = rows.features[:, DISPERSION_COLUMN].astype(np.float64)
    moves = np.where(enough & np.isfinite(moves), moves, np.nan)
    found = {int(one): float(np.nanmedian(moves[horizon == one])) for one in np.unique(horizon)}
    return _every(found).astype(np.float32)


def _reach(scores: Floats, rows: Examples, typical: Floats, share: float) -> tuple[tuple[float, float], ...]:
    """Return conformal multiples of the mean move by horizon; each side leaves out half of the remainder."""
    point = scores * SCALES[step_of(rows.features)]
    halves = np.maximum(mean_move(rows.features, typical), np.float32(1e-6)).astype(np.float64)
    horizon = rows.table["horizon"].to_numpy(dtype=np.int64)
    sides = []
    for misses in (point - rows.target, rows.target - point):
        found = factors_by_group(misses.astype(np.float64), halves, horizon, (1 + share) / 2)
        sides.append(_every(found).round(4).tolist())
    return tuple(zip(*sides, strict=True))


def _every(found: dict[int, float]) -> npt.NDArray[np.float64]:
    """Return values at every horizon; gaps are interpolated."""
    return np.interp(EVERY_HORIZON, list(found), list(found.values()))


def importance(model: PriceModel) -> dict[str, float]:
    """Return each feature's share of the loss reduction, averaged over both boosters."""
    total = dict.fromkeys(FEATURES, 0.0)
    for booster in (model.near, model.far):
        gains = booster.get_score(importance_type="total_gain")
        for name, gain in gains.items():
            total[FEATURES[int(name[1:])]] += gain / sum(gains.values()) / 2
    return total


def split_values(*boosters: Any) -> dict[int, Floats]:
    """Return every value at which a row's path changes in one of the boosters, by feature column."""
    found = [thresholds(booster) for booster in boosters]
    columns = sorted({column for one in found for column in one})
    return {
        column: np.unique(np.concatenate([one[column] for one in found if column in one])) for column in columns
    }


def graph(model: PriceModel) -> onnx.ModelProto:
    """Return one ONNX graph: both tree ensembles, then the steps of `calibrate.finish`."""
    reach = np.array(model.context.reach, dtype=np.float32)
    typical = np.array(model.context.typical, dtype=np.float32) * BORROWED
    rows = np.column_stack([EVERY_HORIZON.astype(np.float32), SCALES, typical, reach])
    constants: dict[str, npt.NDArray[Any]] = {
        "columns": np.array([HORIZON_COLUMN, DISPERSION_COLUMN, KNOWN_COLUMN], dtype=np.int64),
        "edges": EDGES,
        "across": np.array([1], dtype=np.int64),
        "rows": rows.astype(np.float32),
        "first_step": np.array(0, dtype=np.int64),
        "zero": np.array(0, dtype=np.float32),
        "window": np.array(WINDOW, dtype=np.float32),
        "largest_move": np.array(LARGEST_MOVE, dtype=np.float32),
        "borrowed": np.array(BORROWED, dtype=np.float32),
    }
    return assemble(
        "price",
        [tree_node(model.near, "features", "near"), tree_node(model.far, "features", "far"), *_tail()],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["row", len(FEATURES)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["row", 1]) for name in OUTPUTS],
        constants,
    )


def _tail() -> list[onnx.NodeProto]:
    """Return the nodes of `step_of`, `mean_move` and `finish` of `calibrate`, in this order."""
    node = helper.make_node
    point, low, high = OUTPUTS
    return [
        node("Gather", ["features", "columns"], ["facts"], axis=1),
        node("Split", ["facts"], ["horizon", "own_raw", "known_raw"], axis=1, num_outputs=3),
        node("Greater", ["horizon", "edges"], ["passed"]),
        node("Cast", ["passed"], ["steps"], to=TensorProto.INT64),
        node("ReduceSum", ["steps", "across"], ["step"], keepdims=0),
        node("Equal", ["step", "first_step"], ["is_near_flat"]),
        node("Unsqueeze", ["is_near_flat", "across"], ["is_near"]),
        node("Where", ["is_near", "near", "far"], ["score"]),
        node("Gather", ["rows", "step"], ["row"], axis=0),
        node("Split", ["row"], ["days", "scale", "typical", "down", "up"], axis=1, num_outputs=5),
        node("IsNaN", ["known_raw"], ["known_missing"]),
        node("Where", ["known_missing", "zero", "known_raw"], ["known"]),
        node("Sub", ["known", "days"], ["count_raw"]),
        node("Clip", ["count_raw", "zero", "window"], ["count_known"]),
        node("IsNaN", ["own_raw"], ["own_missing"]),
        node("Where", ["own_missing", "zero", "count_known"], ["count"]),
        node("Where", ["own_missing", "zero", "own_raw"], ["own_known"]),
        node("Clip", ["own_known", "zero", "largest_move"], ["own"]),
        node("Mul", ["count", "own"], ["own_sum"]),
        node("Add", ["own_sum", "typical"], ["sum"]),
        node("Add", ["count", "borrowed"], ["weight"]),
        node("Div", ["sum", "weight"], ["moves"]),
        node("Mul", ["score", "scale"], [point]),
        node("Mul", ["moves", "down"], ["below"]),
        node("Mul", ["moves", "up"], ["above"]),
        node("Sub", [point, "below"], [low]),
        node("Add", [point, "above"], [high]),
    ]
