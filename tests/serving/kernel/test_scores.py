from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from onnx import TensorProto, helper

from serving.kernel.scores import largest_first, sigmoid, tree_shap
from training.onnx.export import assemble

SIGMOID = onnxruntime.InferenceSession(
    assemble(
        "sigmoid",
        [helper.make_node("Sigmoid", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["row"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["row"])],
    ).SerializeToString()
)


def test_shares_add_up_to_the_margin() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 4)).astype(np.float32)
    features[::7, 1] = np.nan
    target = (features[:, 0] > 0).astype(float)
    table = xgboost.DMatrix(features, target)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, table, 5)
    shares = tree_shap(booster, features)
    assert shares.shape == (300, 5)
    assert shares.dtype == np.float64
    np.testing.assert_allclose(shares.sum(axis=1), booster.predict(table, output_margin=True), atol=1e-5)


def test_the_largest_comes_first_and_missing_values_are_none() -> None:
    found = largest_first(("a", "b", "c"), np.array([1.0, np.nan, 3.0]), np.array([0.1, -0.5, 0.1]))
    assert found == [("b", None, -0.5), ("a", 1.0, 0.1), ("c", 3.0, 0.1)]


def test_names_and_shares_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError):
        largest_first(("a",), np.array([1.0]), np.array([0.1, 0.2]))


@given(arrays(np.float32, array_shapes(max_dims=2), elements=st.floats(width=32, allow_nan=False)))
def test_probabilities_are_those_of_the_onnx_operator(log_odds: npt.NDArray[np.float32]) -> None:
    found = sigmoid(log_odds)
    assert (found.dtype, found.shape) == (np.float32, log_odds.shape)
    assert ((found >= 0) & (found <= 1)).all()
    (expected,) = SIGMOID.run(None, {"x": log_odds.reshape(-1)})
    np.testing.assert_allclose(found.reshape(-1), expected, rtol=0, atol=1e-6)


def test_probabilities_keep_double_precision() -> None:
    found = sigmoid(np.array([-1000.0, -3.0, 0.0, 3.0, 1000.0]))
    np.testing.assert_allclose(found, [0, 1 / (1 + np.exp(3)), 0.5, 1 / (1 + np.exp(-3)), 1], rtol=1e-15, atol=0)
