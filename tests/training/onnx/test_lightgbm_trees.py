from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest

from tests.training.onnx.tree_session import tree_session
from training.onnx.lightgbm_trees import lightgbm_node

WIDTH = 4


def rows(count: int = 1000) -> np.ndarray:
    """Numbers, the last column without missing values."""
    random = np.random.default_rng(0)
    table = random.normal(size=(count, WIDTH)).astype(np.float32)
    table[:, :3][random.random((count, 3)) < 0.1] = np.nan
    return table


def fitted(count: int = 1000, rounds: int = 15, **params: Any) -> lightgbm.Booster:
    features = rows(count)
    value = np.nan_to_num(features[:, 0]) + features[:, 3] ** 2
    classes = params.get("num_class", 2 if params["objective"] == "binary" else 0)
    target = value if not classes else np.searchsorted(np.quantile(value, np.arange(1, classes) / classes), value)
    settings = {"num_leaves": 15, "seed": 1, "num_threads": 1, "verbosity": -1, "deterministic": True}
    train = lightgbm.Dataset(features[: count // 2], target[: count // 2], params={"verbosity": -1})
    held = train.create_valid(features[count // 2 :], target[count // 2 :])
    stop = [] if params.get("boosting") else [lightgbm.early_stopping(3, verbose=False)]
    return lightgbm.train({**settings, **params}, train, rounds, valid_sets=[held], callbacks=stop)


def hard_rows(booster: lightgbm.Booster) -> np.ndarray:
    """Every split value as a float32, both its neighbours, extremes, denormals and NaN in every column."""
    base = rows(200)
    frame = booster.trees_to_dataframe().dropna(subset=["threshold"])
    hard = [base]
    for name, values in frame.groupby("split_feature")["threshold"]:
        near = np.unique(np.clip(values.to_numpy(), -1e30, 1e30)).astype(np.float32)
        for side in (near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))):
            some = np.resize(base, (len(side), WIDTH)).copy()
            some[:, int(name.removeprefix("Column_"))] = side
            hard.append(some)
    hard += [np.full((1, WIDTH), one, np.float32) for one in (1e30, -1e30, 0.0, -0.0, 1e-42, -1e-42, np.nan)]
    return np.concatenate(hard)


def answers(booster: lightgbm.Booster, given: np.ndarray, outputs: int) -> np.ndarray:
    return tree_session(lightgbm_node(booster, "x", "y"), WIDTH, outputs).run(None, {"x": given})[0]


@pytest.mark.parametrize(
    ("params", "outputs"),
    [
        ({"objective": "regression"}, 1),
        ({"objective": "regression_l1"}, 1),
        ({"objective": "regression", "boosting": "dart"}, 1),
        ({"objective": "binary"}, 1),
        ({"objective": "multiclass", "num_class": 3}, 3),
        ({"objective": "regression", "use_missing": False}, 1),
    ],
    ids=str,
)
def test_onnx_gives_the_raw_score_of_lightgbm(params: dict[str, Any], outputs: int) -> None:
    booster = fitted(**params)
    given = hard_rows(booster)
    wanted = np.asarray(booster.predict(given, raw_score=True, num_threads=1)).reshape(len(given), outputs)
    np.testing.assert_allclose(answers(booster, given, outputs), wanted, rtol=1e-6, atol=3e-6)


def test_only_the_trees_up_to_the_best_iteration_answer() -> None:
    booster, given = fitted(objective="regression"), rows(50)
    booster.best_iteration = 4
    assert booster.current_iteration() > 4
    np.testing.assert_allclose(answers(booster, given, 1)[:, 0], booster.predict(given), rtol=1e-6, atol=3e-6)


def test_a_booster_of_no_splits_is_its_base_score() -> None:
    booster = fitted(objective="regression", min_gain_to_split=1e9)
    np.testing.assert_allclose(answers(booster, rows(5), 1)[:, 0], booster.predict(rows(5)), rtol=1e-6)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}, "random forest"),
        ({"linear_tree": True}, "linear leaves"),
        ({"zero_as_missing": True}, "zero_as_missing"),
        ({"min_data_per_group": 1}, "categorical splits"),
    ],
)
def test_boosters_it_cannot_export_are_refused(params: dict[str, Any], message: str) -> None:
    features = np.nan_to_num(rows(200))
    features[:, 3] = np.arange(200) % 5
    target = features[:, 0] + (features[:, 3] % 2)
    settings = {"objective": "regression", "verbosity": -1, "num_threads": 1, **params}
    categories = [3] if "min_data_per_group" in params else []
    booster = lightgbm.train(settings, lightgbm.Dataset(features, target, categorical_feature=categories), 3)
    with pytest.raises(ValueError, match=message):
        lightgbm_node(booster, "x", "y")
