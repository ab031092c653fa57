from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import TensorProto, helper
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier

from training.onnx.forest import forest_node, forest_thresholds, rounded_down

Floats = npt.NDArray[Any]


def run(node: Any, features: Floats, outputs: int) -> Floats:
    graph = helper.make_graph(
        [node],
        "forest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["row", features.shape[1]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["row", outputs])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: Floats = session.run(None, {"x": features})[0]
    return found


def table(count: int = 500, seed: int = 3) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 5)).astype(np.float32)
    return features, ((features[:, 0] > 0).astype(int) + (features[:, 1] * features[:, 2] > 0.3)).astype(int)


def at_the_splits(features: Floats, trees: list[Any]) -> Floats:
    """Rows with one value at, just above and just below a split value."""
    rows = []
    for column, values in forest_thresholds(trees).items():
        for value in values[:40]:
            for exact in (value, np.nextafter(value, np.float32(9)), np.nextafter(value, np.float32(-9))):
                rows.append(features[len(rows) % len(features)].copy())
                rows[-1][column] = exact
    return np.array(rows)


def test_a_classifiers_probabilities_are_scikit_learns_also_at_the_splits() -> None:
    features, grades = table()
    forest = RandomForestClassifier(n_estimators=12, max_depth=6, random_state=1).fit(features, grades)
    trees = [tree.tree_ for tree in forest.estimators_]
    leaves = [tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True) / len(trees) for tree in trees]
    rows = np.concatenate([features, at_the_splits(features, trees)])
    found = run(forest_node(trees, leaves, "x", "y"), rows, 3)
    np.testing.assert_allclose(found, forest.predict_proba(rows), atol=1e-6)


def test_a_regressor_with_leaves_of_zero_is_scikit_learns() -> None:
    features, grades = table()
    forest = ExtraTreesRegressor(n_estimators=5, max_depth=4, random_state=1).fit(features, grades == 2)
    trees = [tree.tree_ for tree in forest.estimators_]
    found = run(forest_node(trees, [tree.value[:, 0] / 5 for tree in trees], "x", "y"), features, 1)
    np.testing.assert_allclose(found[:, 0], forest.predict(features), atol=1e-6)


def test_features_of_the_fit_may_share_a_column_of_the_input() -> None:
    features, grades = table()
    twice = np.hstack([features, features[:, :1]])
    forest = RandomForestClassifier(n_estimators=8, max_depth=4, random_state=1).fit(twice, grades)
    trees = [tree.tree_ for tree in forest.estimators_]
    leaves = [tree.value[:, 0, :] / 8 for tree in trees]
    found = run(forest_node(trees, leaves, "x", "y", np.array([0, 1, 2, 3, 4, 0])), features, 3)
    np.testing.assert_allclose(found, forest.predict_proba(twice), atol=1e-6)


def test_a_tree_that_is_one_leaf_is_exported() -> None:
    features, _ = table(20)
    forest = ExtraTreesRegressor(n_estimators=2, random_state=1).fit(features, np.zeros(20))
    trees = [tree.tree_ for tree in forest.estimators_]
    assert forest_thresholds([*trees, RandomForestClassifier(1).fit(*table(60)).estimators_[0].tree_])
    assert (
        run(forest_node(trees, [tree.value[:, 0] for tree in trees], "x", "y"), features, 1).tolist()
        == [[0.0]] * 20
    )


@pytest.mark.parametrize("value", [0.1, -0.1, 1 / 3, -1 / 3, 1.0, 0.0, 1e-300, -1e-300, 16777217.0])
def test_a_threshold_takes_the_same_side_for_every_float(value: float) -> None:
    (rounded,) = rounded_down(np.array([value]))
    assert float(rounded) <= value < float(np.nextafter(rounded, np.float32(np.inf)))
