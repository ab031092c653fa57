"""A converter that is wrong by little, as a new release of one may be, is found out by parity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lightgbm as lgb
import numpy as np
import onnx
import pytest
import torch
import xgboost as xgb
from onnx import numpy_helper
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression

from tests.training.added.sources.proof import numbers, proved, target
from training.added.errors import AddError
from training.added.sources.converted import Converted
from training.added.sources.converters.lightgbm_model import of_booster as of_lightgbm
from training.added.sources.converters.sklearn_graph import of_estimator
from training.added.sources.converters.torch_model import of_program
from training.added.sources.converters.xgboost_model import of_booster as of_xgboost

ROWS = np.nan_to_num(numbers())


def boosted() -> Converted:
    return of_xgboost(
        xgb.train({"max_depth": 3, "nthread": 1}, xgb.DMatrix(ROWS, target(ROWS, "number")), 5), None, ()
    )


def light() -> Converted:
    params = {"objective": "regression", "num_leaves": 7, "verbose": -1, "num_threads": 1}
    return of_lightgbm(lgb.train(params, lgb.Dataset(ROWS, target(ROWS, "number")), 5), None)


def forest() -> Converted:
    return of_estimator(
        RandomForestRegressor(5, max_leaf_nodes=8, random_state=0).fit(ROWS, target(ROWS, "number")), None
    )


def linear() -> Converted:
    return of_estimator(LogisticRegression().fit(ROWS, target(ROWS, "classes")), None)


def network() -> Converted:
    torch.manual_seed(0)
    rows = (torch.zeros(2, 4),)
    batch = ({0: torch.export.Dim("batch")},)
    return of_program(torch.export.export(torch.nn.Linear(4, 2).eval(), rows, dynamic_shapes=batch), None)


def attribute(model: onnx.ModelProto, *names: str) -> onnx.AttributeProto:
    return next(one for node in model.graph.node for one in node.attribute if one.name in names)


def one_leaf(model: onnx.ModelProto) -> None:
    weights = attribute(model, "target_weights").floats
    weights[int(np.abs(weights).argmax())] *= 1.01


def every_threshold_by_one_step(model: onnx.ModelProto) -> None:
    values = attribute(model, "nodes_values").floats
    values[:] = np.nextafter(np.array(values, np.float32), np.float32(np.inf)).tolist()


def every_comparison(model: onnx.ModelProto) -> None:
    modes = attribute(model, "nodes_modes").strings
    modes[:] = [{b"BRANCH_LEQ": b"BRANCH_LT", b"BRANCH_LT": b"BRANCH_LEQ"}.get(mode, mode) for mode in modes]


def one_coefficient(model: onnx.ModelProto) -> None:
    attribute(model, "coefficients").floats[0] += 0.01


def one_weight(model: onnx.ModelProto) -> None:
    weights = next(one for one in model.graph.initializer if len(one.dims) == 2)
    array = numpy_helper.to_array(weights).copy()
    array[0, 0] += 0.01
    weights.CopyFrom(numpy_helper.from_array(array, weights.name))


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (boosted, one_leaf),
        (boosted, every_threshold_by_one_step),
        (boosted, every_comparison),
        (light, one_leaf),
        (forest, one_leaf),
        (forest, every_comparison),
        (linear, one_coefficient),
        (network, one_weight),
    ],
    ids=lambda one: one.__name__,
)
def test_a_graph_that_is_a_little_wrong_is_refused(
    tmp_path: Path, made: Callable[[], Converted], fault: Callable[[onnx.ModelProto], None]
) -> None:
    converted = made()
    for name in ("right", "wrong"):
        (tmp_path / name).mkdir()
    proved(converted, tmp_path / "right")
    fault(converted.model)
    with pytest.raises(AddError, match="parity native/onnxruntime"):
        proved(converted, tmp_path / "wrong")
