"""LightGBM through onnxmltools: what it converts well is served, and what it converts wrong is caught."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from tests.training.added.sources.proof import job, numbers, proved, target
from training.added.errors import AddError
from training.added.sources.converted import Converted
from training.added.sources.converters.lightgbm_model import convert
from training.added.sources.exchange import CannotConvert

SMALL = {"num_leaves": 7, "min_data_in_leaf": 5, "seed": 0, "verbose": -1, "num_threads": 1}


def converted(
    params: dict[str, Any], kind: str, tmp_path: Path, rows: Any = None
) -> tuple[lgb.Booster, Converted]:
    rows = numbers() if rows is None else rows
    group = [20] * 10 if params["objective"] == "lambdarank" else None
    booster = lgb.train(SMALL | params, lgb.Dataset(rows, target(rows, kind), group=group), 5)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    return booster, convert(job(path, "lightgbm"), None)


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"objective": "regression"}, "number"),
        ({"objective": "regression_l1"}, "number"),
        ({"objective": "quantile", "alpha": 0.9}, "number"),
        ({"objective": "poisson"}, "count"),
        ({"objective": "gamma"}, "positive"),
        ({"objective": "tweedie"}, "count"),
        ({"objective": "lambdarank"}, "class"),
        ({"objective": "regression", "boosting": "dart"}, "number"),
        ({"objective": "multiclass", "num_class": 3}, "classes"),
    ],
)
def test_objectives(tmp_path: Path, params: dict[str, Any], kind: str) -> None:
    booster, made = converted(params, kind, tmp_path)
    built = proved(made, tmp_path)
    rows = numbers(50, seed=9)
    found = list(built.run({"input": rows}).values())[-1]
    np.testing.assert_allclose(found, booster.predict(rows).reshape(found.shape), rtol=1e-4, atol=1e-5)


def test_two_classes_have_names_and_probabilities(tmp_path: Path) -> None:
    booster, made = converted({"objective": "binary"}, "class", tmp_path)
    built = proved(made, tmp_path, labels=("stays", "leaves"))
    rows = numbers(3, seed=9)
    answers = built.app.decide([None] * 3, built.run({"input": rows}), built.context)
    for answer, wanted in zip(answers, booster.predict(rows), strict=True):
        assert answer.c_probabilities["leaves"] == pytest.approx(wanted, rel=1e-5)
        assert answer.c_label == ("leaves" if wanted > 0.5 else "stays")


def test_columns_keep_the_blanks_in_their_names(tmp_path: Path) -> None:
    """LightGBM's file has `_` for them."""
    frame = pd.DataFrame(numbers(), columns=["credit limit", "age", "b_c", "b d"])
    path = tmp_path / "model.txt"
    data = lgb.Dataset(frame, target(frame.to_numpy(), "number"))
    lgb.train(SMALL | {"objective": "regression"}, data, 2).save_model(path)
    assert convert(job(path, "lightgbm"), frame).columns == tuple(frame.columns)
    asked = job(path, "lightgbm", columns=tuple(frame.columns))
    assert convert(asked, None).columns == tuple(frame.columns)
    assert convert(job(path, "lightgbm"), None).columns == ("credit_limit", "age", "b_c", "b_d")


def test_categories_of_pandas_are_asked_by_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    plans = pd.Categorical(rng.choice(["basic", "plus", "max"], 300))
    frame = pd.DataFrame({"size": rng.standard_normal(300), "plan": plans})
    value = frame["size"] + (frame["plan"] == "plus") * 3
    booster = lgb.train(SMALL | {"objective": "regression", "min_data_per_group": 1}, lgb.Dataset(frame, value), 5)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    built = proved(convert(job(path, "lightgbm"), None), tmp_path)
    asked = {"size": np.zeros((3, 1), np.float32), "plan": np.array([["plus"], ["basic"], ["max"]], object)}
    again = pd.DataFrame({"size": [0.0] * 3, "plan": pd.Categorical(["plus", "basic", "max"], plans.categories)})
    (found,) = built.run(asked).values()
    np.testing.assert_allclose(found[:, 0], booster.predict(again), rtol=1e-5)


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"objective": "multiclassova", "num_class": 3}, "classes"),
        ({"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}, "number"),
        ({"objective": "regression", "linear_tree": True}, "number"),
    ],
)
def test_parity_catches_what_the_converter_gets_wrong(tmp_path: Path, params: dict[str, Any], kind: str) -> None:
    _, made = converted(params, kind, tmp_path, np.nan_to_num(numbers()))
    with pytest.raises(AddError, match="parity native/onnxruntime.*The converter gives wrong answers"):
        proved(made, tmp_path)


def test_what_cannot_be_converted_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CannotConvert, match="objective cross_entropy.*Nearest: binary"):
        converted({"objective": "cross_entropy"}, "class", tmp_path)
    path = tmp_path / "broken.txt"
    path.write_text("tree\nversion=v4\nnum_class=1\n")
    with pytest.raises(CannotConvert, match="cannot open it"):
        convert(job(path, "lightgbm"), None)
