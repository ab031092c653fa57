from __future__ import annotations

from pathlib import Path

import pytest

from serving.apps.fraud.app import app
from serving.apps.fraud.recipe import recipe
from training import data, gate
from training.contract import Options
from training.trainer import Trainer
from training.validate import tidied, validate

SETS = {"30_satellite": (0.795, True), "38_thyroid": (0.977, False)}
"""AUROC of a plain autoencoder fitted on normal records, and whether the distance from the median is beaten."""


def test_the_recipe_is_of_the_app() -> None:
    assert recipe.app is app
    assert not set(recipe.forbidden) & set(app.feature_names)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SETS))
def test_real_sets_reach_their_floors_and_are_judged_beside_the_baseline(
    ray: None, real_data: Path, tmp_path: Path, name: str
) -> None:
    dataset = data.from_files([real_data / "fraud" / f"{name}.npz"])
    tidy = validate(recipe, tidied(recipe, dataset, Options()), dataset)
    split = recipe.split(tidy)
    report = recipe.evaluate(recipe.fit(split, Trainer(1, 7, tmp_path)), split)
    floor, beats = SETS[name]
    found = {(metric.name, metric.slice): metric.value for metric in report.metrics}
    assert found["auroc", "all"] >= floor
    verdicts = {check.name: check.passed for check in gate.judge(recipe, tidy, report)}
    assert verdicts["beats the distance from the median"] is beats
