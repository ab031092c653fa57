"""Every objective and booster of XGBoost answers through ONNX as through XGBoost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from tests.training.added.sources.proof import job, numbers, proved, target
from training.added.build import Built
from training.added.sources.converters.xgboost_model import convert
from training.added.sources.exchange import CannotConvert

ONE_STEP = {"max_depth": 3, "seed": 0, "nthread": 1}


def fitted(params: dict[str, Any], kind: str, rounds: int = 5) -> xgb.Booster:
    rows = numbers()
    data = xgb.DMatrix(rows, target(rows, kind))
    if params["objective"].startswith("rank:"):
        data.set_group([20] * 10)
    if params["objective"] == "survival:aft":
        data.set_float_info("label_lower_bound", target(rows, kind))
        data.set_float_info("label_upper_bound", target(rows, kind))
    return xgb.train(ONE_STEP | params, data, rounds)


def served(booster: Any, tmp_path: Path, ending: str = "json", **more: Any) -> Built:
    path = tmp_path / f"model.{ending}"
    booster.save_model(path)
    return proved(convert(job(path, "xgboost", **more), None), tmp_path)


@pytest.mark.parametrize(
    ("objective", "kind", "more"),
    [
        ("reg:squarederror", "number", {}),
        ("reg:squaredlogerror", "positive", {}),
        ("reg:absoluteerror", "number", {}),
        ("reg:pseudohubererror", "number", {}),
        ("reg:quantileerror", "number", {"quantile_alpha": [0.1, 0.5, 0.9]}),
        ("reg:logistic", "class", {}),
        ("reg:gamma", "positive", {}),
        ("reg:tweedie", "count", {}),
        ("count:poisson", "count", {}),
        ("binary:logistic", "class", {"scale_pos_weight": 3}),
        ("binary:logitraw", "class", {}),
        ("binary:hinge", "class", {}),
        ("multi:softprob", "classes", {"num_class": 3}),
        ("rank:ndcg", "class", {}),
        ("rank:pairwise", "count", {}),
        ("survival:cox", "positive", {}),
        ("survival:aft", "positive", {}),
        ("reg:squarederror", "number", {"booster": "dart", "rate_drop": 0.5, "one_drop": 1}),
        ("binary:logistic", "class", {"booster": "dart", "rate_drop": 0.5, "one_drop": 1}),
        ("reg:squarederror", "pair", {}),
        ("reg:squarederror", "pair", {"multi_strategy": "multi_output_tree"}),
        ("reg:squarederror", "number", {"num_parallel_tree": 3, "subsample": 0.5}),
    ],
)
def test_objectives_and_boosters(tmp_path: Path, objective: str, kind: str, more: dict[str, Any]) -> None:
    booster = fitted({"objective": objective, **more}, kind)
    built = served(booster, tmp_path)
    rows = numbers(50, seed=9)
    (found,) = built.run({"input": rows}).values()
    wanted = booster.predict(xgb.DMatrix(rows)).reshape(found.shape)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_linear_boosters_count_missing_values_as_zero(tmp_path: Path) -> None:
    rows = numbers()
    params = {"booster": "gblinear", "objective": "reg:squarederror", "nthread": 1, "updater": "coord_descent"}
    booster = xgb.train(params, xgb.DMatrix(rows, target(rows, "pair")), 3)
    built = served(booster, tmp_path)
    np.testing.assert_allclose(
        built.run({"input": rows})["prediction"], booster.predict(xgb.DMatrix(rows)), rtol=1e-4, atol=1e-5
    )


def test_softmax_answers_with_probabilities_and_the_same_class(tmp_path: Path) -> None:
    booster = fitted({"objective": "multi:softmax", "num_class": 3}, "classes")
    built = served(booster, tmp_path, ending="ubj")
    rows = numbers(50, seed=9)
    found = built.run({"input": rows})["probabilities"]
    assert found.argmax(axis=1).tolist() == booster.predict(xgb.DMatrix(rows)).astype(int).tolist()
    assert built.context.labels == ("0", "1", "2")
    (answer,) = built.app.decide([None], {"probabilities": found[:1]}, built.context)
    assert answer.c_label == str(found[0].argmax())


def test_codes_of_categories_go_the_same_ways(tmp_path: Path) -> None:
    rows = numbers()
    rows[:, 3] = np.random.default_rng(1).integers(0, 8, len(rows))
    value = target(rows, "number") + rows[:, 3] % 3 * 9
    kinds = ["q", "q", "q", "c"]
    data = xgb.DMatrix(rows, value, feature_types=kinds, enable_categorical=True)
    booster = xgb.train(ONE_STEP | {"max_cat_to_onehot": 1}, data, 5)
    built = served(booster, tmp_path)
    # 9 was in no row of the fit, and one is missing.
    rows[:40, 3] = [*range(10), np.nan, 0, 1, 2, 3, 4, 5, 6, 7, 9] * 2
    wanted = booster.predict(xgb.DMatrix(rows, feature_types=kinds, enable_categorical=True))
    np.testing.assert_allclose(built.run({"input": rows})["prediction"][:, 0], wanted, rtol=1e-5)


def test_categories_of_pandas_are_asked_by_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "size": rng.standard_normal(200),
            "plan": pd.Categorical(rng.choice(["basic", "plus", "max"], 200)),
            "year": pd.Categorical(rng.choice([2024, 2025, 2026], 200)),
        }
    )
    value = frame["size"] + (frame["plan"] == "plus") * 3 + (frame["year"] == 2025) * 5
    booster = xgb.train(ONE_STEP, xgb.DMatrix(frame, value, enable_categorical=True), 5)
    built = served(booster, tmp_path)
    assert [column.name for column in built.context.columns] == ["size", "plan", "year"]
    asked = {
        "size": np.zeros((3, 1), np.float32),
        "plan": np.array([["plus"], ["basic"], ["max"]], object),
        "year": np.array([[2025], [2025], [2024]]),
    }
    again = pd.DataFrame({name: array[:, 0] for name, array in asked.items()})
    for name in ("plan", "year"):
        again[name] = pd.Categorical(again[name], categories=frame[name].cat.categories)
    wanted = booster.predict(xgb.DMatrix(again, enable_categorical=True))
    np.testing.assert_allclose(built.run(asked)["prediction"][:, 0], wanted, rtol=1e-5)
    gaps = frame.astype({"plan": object, "year": object})[:20].assign(plan=[None, *frame["plan"][1:20]])
    gaps.loc[1, "year"] = None
    made = convert(job(tmp_path / "model.json", "xgboost"), gaps)
    assert (made.native.inputs["plan"][0, 0], made.native.inputs["year"][1, 0]) == ("", np.iinfo(np.int64).min)
    (tmp_path / "gaps").mkdir()
    proved(made, tmp_path / "gaps")


def test_an_estimator_answers_with_its_best_iteration(tmp_path: Path) -> None:
    rows, fresh = numbers(), numbers(seed=1)
    model = xgb.XGBRegressor(n_estimators=60, learning_rate=1.0, early_stopping_rounds=2, n_jobs=1)
    model.fit(rows, target(rows, "number"), eval_set=[(fresh, target(fresh, "number"))], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    built = served(model, tmp_path)
    np.testing.assert_allclose(built.run({"input": fresh})["prediction"][:, 0], model.predict(fresh), rtol=1e-5)
    assert any("up to the best iteration" in text for text in built.manifest.notes)


def test_names_of_columns_come_from_the_booster_or_the_command(tmp_path: Path) -> None:
    booster = fitted({"objective": "reg:squarederror"}, "number")
    given = served(booster, tmp_path, columns=("a", "b", "c", "d"))
    assert [column.name for column in given.context.columns] == ["a", "b", "c", "d"]
    booster.feature_names = ["w", "x", "y", "z"]
    path = tmp_path / "named.json"
    booster.save_model(path)
    sample = pd.DataFrame(numbers(20), columns=["z", "y", "x", "w"])
    made = convert(job(path, "xgboost"), sample.assign(more="text"))
    assert made.columns == ("w", "x", "y", "z")
    np.testing.assert_array_equal(made.native.inputs["input"][:20, 0], sample["w"])


@pytest.mark.parametrize(
    ("content", "sample", "said"),
    [
        (b"{}", None, "cannot open it"),
        (b'{"learner": 3', None, "cannot open it"),
        (None, {"a": [1.0]}, "takes 4 columns, and the sample has 1"),
        (None, {"a": [1.0], "b": [1.0], "c": [1.0], "d": ["x"]}, "takes numbers"),
    ],
)
def test_what_cannot_be_converted_is_explained(
    tmp_path: Path, content: bytes | None, sample: dict[str, Any] | None, said: str
) -> None:
    path = tmp_path / "model.json"
    if content is None:
        fitted({"objective": "reg:squarederror"}, "number", 1).save_model(path)
    else:
        path.write_bytes(content)
    with pytest.raises(CannotConvert, match=said):
        convert(job(path, "xgboost"), None if sample is None else pd.DataFrame(sample))
