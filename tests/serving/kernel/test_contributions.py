from __future__ import annotations

import numpy as np
import pytest
import xgboost

from serving.kernel.contributions import largest_first, tree_shap


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
