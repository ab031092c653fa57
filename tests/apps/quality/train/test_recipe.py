from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.quality.app import app
from apps.quality.train.recipe import QualityRecipe, recipe
from tests.apps.quality.tables import bean_model, bean_split, beans, lot_model, lot_split
from tests.training.local import LocalTrainer
from training.data.leaks import refuse_leaks
from training.errors import DataError
from training.measures import gate
from training.measures.carried import check_carried
from training.recipe import Evaluation, RecipeOptions
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, train

FLOOR = 0.93
"""Macro-F1 of a plain random forest on Dry Bean, to the hundredth."""


def evaluated(kind: str) -> Evaluation:
    (made_by, made), (_, split) = (bean_model(), bean_split()) if kind == "beans" else (lot_model(), lot_split())
    return made_by.evaluate(made, split)


@pytest.mark.parametrize("kind", ["beans", "lots"])
def test_a_good_model_passes_its_gate(kind: str) -> None:
    report = evaluated(kind)
    checks = [gate.check_metrics(report), *recipe.checks(report)]
    assert all(check.passed for check in checks), checks
    assert {check.name for check in checks} >= {"calibration", "false alarms, no history"}


def test_grades_that_follow_nothing_are_refused() -> None:
    table = beans()
    table["Class"] = np.random.default_rng(9).permutation(table["Class"])
    made_by = QualityRecipe()
    split = made_by.split(made_by.schema.validate(made_by.tidy(table, RecipeOptions())))
    checks = made_by.checks(made_by.evaluate(made_by.fit(split, LocalTrainer()), split))
    assert not next(check for check in checks if check.name.startswith("beats the nearest mean")).passed


def test_one_measurement_that_says_it_all_leaves_nothing_to_gain() -> None:
    """Noise beside one good measurement: its nearest mean does as well, and the forest is refused."""
    table = beans(900)
    rng = np.random.default_rng(2)
    table["Roundness"], table["Extent"] = rng.normal(size=(2, len(table)))
    made_by = QualityRecipe()
    split = made_by.split(made_by.schema.validate(made_by.tidy(table, RecipeOptions())))
    checks = made_by.checks(made_by.evaluate(made_by.fit(split, LocalTrainer()), split))
    assert not all(check.passed for check in checks)


def test_decisions_are_the_flag_and_the_grade() -> None:
    outputs = {
        "probabilities": np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]], dtype=np.float32),
        "anomaly": np.array([[0.1], [-0.1]], dtype=np.float32),
    }
    found = recipe.decisions(outputs)
    assert np.sign(found["grade"]).tolist() == [[-1, 1, -1], [1, -1, -1]]
    assert found["anomaly"] is outputs["anomaly"]


def test_importance_is_of_measurements_and_discriminants() -> None:
    found = bean_model()[1].importance
    assert set(found) == {"Area", "Roundness", "Extent", "discriminant 1", "discriminant 2"}
    assert sum(found.values()) == pytest.approx(1)


def test_the_recipe_is_of_the_app() -> None:
    assert recipe.app is app
    assert recipe.target == "grade"


@pytest.mark.slow
def test_the_real_file_reaches_the_floor_and_passes_the_gate(
    real_data: Path, tmp_path: Path, registry: Registry
) -> None:
    request = TrainRequest(
        app="quality",
        paths=(real_data / "quality" / "Dry_Bean_Dataset.csv",),
        repository=tmp_path / "repository",
        home=tmp_path,
        triton=False,
    )
    result = train(request, registry)
    assert not result.synthetic
    assert all(check.passed for check in result.checks)
    found = {(metric.name, metric.slice): metric for metric in result.metrics}
    overall = found["macro_f1", "all"]
    assert overall.value >= FLOOR
    assert overall.baseline is not None and overall.value > overall.baseline + 0.2
    # What the card says the flag sees and does not see.
    assert found["anomaly_auroc", "grade BOMBAY never seen"].value > 0.99
    assert found["anomaly_auroc", "grade SIRA never seen"].value < 0.6
    assert (tmp_path / "repository" / "quality" / str(result.version) / "model.onnx").stat().st_size < 4e6


@pytest.mark.slow
def test_an_identifier_in_the_real_file_is_refused_whatever_its_name(real_data: Path) -> None:
    table = pd.read_csv(real_data / "quality" / "Dry_Bean_Dataset.csv")
    table["Gloss"] = np.arange(len(table)) * 7 + 1000
    for rows in (table, table.sample(frac=1, random_state=1)):
        with pytest.raises(DataError, match="'Gloss' is an identifier"):
            refuse_leaks(recipe, recipe.tidy(rows, RecipeOptions()))
    bare = recipe.tidy(table.drop(columns="Gloss"), RecipeOptions())
    refuse_leaks(recipe, bare)
    assert bare.attrs["dropped"] == {"duplicates": 68}


@pytest.mark.parametrize("kind", ["beans", "lots"])
def test_no_measurement_carries_the_grade(kind: str) -> None:
    (made_by, made), (_, split) = (bean_model(), bean_split()) if kind == "beans" else (lot_model(), lot_split())
    check = check_carried(made_by, made, split)
    assert check.passed and check.measured.startswith("macro-F1 0.")
