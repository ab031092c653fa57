from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import xgboost

from tests.training.onnx.tree_session import tree_session
from training.onnx.trees import thresholds, tree_node

WIDTH = 6
OBJECTIVES: list[dict[str, Any]] = [
    {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]},
    {"objective": "reg:quantileerror", "quantile_alpha": 0.5},
    {"objective": "reg:pseudohubererror", "huber_slope": 0.1},
    {"objective": "reg:absoluteerror"},
    {"objective": "reg:squarederror"},
]


def rows(count: int = 2000) -> np.ndarray:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(count, WIDTH)).astype(np.float32)
    table[rng.random(table.shape) < 0.1] = np.nan
    return table


def booster(rounds: int = 30, **params: Any) -> Any:
    features = rows()
    noise = np.random.default_rng(1).normal(size=len(features))
    target = np.nan_to_num(features[:, 0]) * 0.3 + 0.2 * noise + 3
    return xgboost.train(
        {"max_depth": 5, "eta": 0.2, "nthread": 1, **params}, xgboost.DMatrix(features, target), rounds
    )


def session(model: Any, outputs: int) -> onnxruntime.InferenceSession:
    return tree_session(tree_node(model, "x", "y"), WIDTH, outputs)


def hard_rows(model: Any) -> np.ndarray:
    """Every split value, both its neighbours, extremes, denormals and NaN."""
    base = rows()
    hard = [base]
    for column, values in thresholds(model).items():
        for near in (values, np.nextafter(values, np.float32(np.inf)), np.nextafter(values, np.float32(-np.inf))):
            some = np.resize(base, (len(near), WIDTH)).copy()
            some[:, column] = near
            hard.append(some)
    hard += [np.full((1, WIDTH), value, np.float32) for value in (1e30, -1e30, 0.0, -0.0, 1e-42, -1e-42, np.nan)]
    return np.concatenate(hard)


@pytest.mark.parametrize("params", OBJECTIVES, ids=lambda params: str(list(params.values())))
def test_onnx_gives_what_xgboost_gives(params: dict[str, Any]) -> None:
    model = booster(**params)
    features = hard_rows(model)
    wanted = model.predict(xgboost.DMatrix(features)).reshape(len(features), -1)
    found = session(model, wanted.shape[1]).run(None, {"x": features})[0]
    np.testing.assert_allclose(found, wanted, atol=3e-6)


@pytest.mark.parametrize("more", [{}, {"base_score": 0.2}], ids=["fitted base", "given base"])
def test_a_logistic_booster_gives_its_log_odds(more: dict[str, Any]) -> None:
    features = rows()
    target = (np.nan_to_num(features[:, 0]) > 0.5).astype(float)
    params = {"objective": "binary:logistic", "max_depth": 4, "nthread": 1, **more}
    model = xgboost.train(params, xgboost.DMatrix(features, target), 20)
    hard = hard_rows(model)
    wanted = model.predict(xgboost.DMatrix(hard), output_margin=True).reshape(-1, 1)
    np.testing.assert_allclose(session(model, 1).run(None, {"x": hard})[0], wanted, atol=3e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_a_booster_of_classes_gives_a_score_for_each(classes: int) -> None:
    features = rows()
    target = np.digitize(np.nan_to_num(features[:, 0]), [0.5, 0.0, -0.5][: classes - 1][::-1])
    params = {"objective": "multi:softprob", "num_class": classes, "max_depth": 4, "nthread": 1}
    model = xgboost.train(params, xgboost.DMatrix(features, target), 20)
    hard = hard_rows(model)
    wanted = model.predict(xgboost.DMatrix(hard), output_margin=True)
    np.testing.assert_allclose(session(model, classes).run(None, {"x": hard})[0], wanted, atol=3e-6)


def test_a_booster_of_no_splits_is_its_base_score() -> None:
    model = booster(rounds=2, objective="reg:squarederror", gamma=1e9)
    assert thresholds(model) == {}
    found = session(model, 1).run(None, {"x": rows(5)})[0]
    np.testing.assert_allclose(found, model.predict(xgboost.DMatrix(rows(5)))[:, None], atol=1e-6)


def test_split_values_are_ascending_and_unique() -> None:
    for values in thresholds(booster(objective="reg:squarederror")).values():
        assert values.dtype == np.float32
        assert (np.diff(values) > 0).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"objective": "count:poisson"}, "count:poisson"),
        ({"objective": "reg:squarederror", "booster": "gblinear"}, "gbtree"),
        ({"objective": "reg:squarederror", "multi_strategy": "multi_output_tree"}, "vector leaves"),
    ],
)
def test_boosters_it_cannot_export_are_refused(params: dict[str, Any], message: str) -> None:
    features = rows(200)
    target = (np.nan_to_num(features[:, 0]) > 0).astype(float)
    if "multi_strategy" in params:
        target = np.column_stack([target, 1 - target])
    model = xgboost.train({"nthread": 1, **params}, xgboost.DMatrix(features, target), 2)
    with pytest.raises(ValueError, match=message):
        tree_node(model, "x", "y")
