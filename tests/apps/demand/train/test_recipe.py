from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from apps.demand.app import app
from apps.demand.schema import DemandContext
from apps.demand.train.recipe import recipe
from tests.apps.demand.tables import fitted, monthly
from tests.training.local import LocalTrainer
from training.data.read import from_files
from training.data.validate import tidied, validate
from training.measures import gate
from training.measures.carried import check_carried
from training.onnx import export, parity
from training.recipe import Evaluation, RecipeOptions

pytestmark = pytest.mark.slow


def test_the_recipe_is_of_the_app() -> None:
    assert recipe.app is app
    assert not set(recipe.forbidden) & set(app.feature_names)


def test_one_series_from_fit_to_gate(tmp_path: Path) -> None:
    made_by, split, made = fitted()
    report = made_by.evaluate(made, split)
    assert {metric.slice for metric in report.metrics if metric.name == "skill"} == {
        "30 days",
        "60 days",
        "90 days",
    }
    assert all(check.passed for check in made_by.checks(report)), made_by.checks(report)
    export.save(app, made_by.export(made), tmp_path / "model.onnx")
    lines = parity.report(made_by, made.predict, tmp_path / "model.onnx", made_by.parity_inputs(made, split))
    assert all(check.passed for check in gate.check_parity(lines))


def test_golden_questions_are_answered_as_after_a_round_trip() -> None:
    made_by, split, made = fitted()
    asked = made_by.golden(split)
    context = msgspec.json.decode(msgspec.json.encode(made.context), type=DemandContext)
    outputs = made.predict(app.features(asked, context))
    answers = app.decide(asked, outputs, context)
    assert all(math.isfinite(one.forecast) and one.low <= one.forecast <= one.high for one in answers)
    assert {one.last_date for one in answers} == {split.test["date"].max().date()}


def test_months_fall_out_of_the_same_recipe(tmp_path: Path) -> None:
    frame = recipe.schema.validate(recipe.tidy(monthly(), RecipeOptions(select={"series": "retail"})))
    split = recipe.split(frame)
    made = recipe.fit(split, LocalTrainer())
    report = recipe.evaluate(made, split)
    assert {metric.slice for metric in report.metrics if metric.name == "skill"} == {
        "3 months",
        "6 months",
        "12 months",
    }
    assert next(m for m in report.metrics if (m.name, m.slice) == ("skill", "12 months")).value > 0
    export.save(app, recipe.export(made), tmp_path / "model.onnx")
    features = recipe.parity_inputs(made, split)
    found = parity.onnx_model(tmp_path / "model.onnx")(features)
    np.testing.assert_allclose(found["forecast"], made.predict(features)["forecast"], rtol=1e-9)


def real(path: Path) -> Evaluation:
    dataset = from_files([path])
    frame = validate(recipe, tidied(recipe, dataset, RecipeOptions()), dataset)
    split = recipe.split(frame)
    return recipe.evaluate(recipe.fit(split, LocalTrainer()), split)


def test_bike_sharing_reaches_its_floor_and_refuses_mape(real_data: Path) -> None:
    report = real(real_data / "demand" / "hour.csv")
    found = {(metric.name, metric.slice): metric for metric in report.metrics}
    assert found["wape", "30 days"].value <= 20.0
    assert not any(name == "mape" for name, _ in found)
    assert all(check.passed for check in recipe.checks(report)), recipe.checks(report)


def test_a_forecast_rests_on_the_past_and_the_calendar_and_no_column() -> None:
    made_by, split, made = fitted()
    check = check_carried(made_by, made, split)
    assert check.passed and check.measured.startswith("not measured")
