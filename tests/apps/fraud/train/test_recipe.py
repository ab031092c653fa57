from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.fraud.app import app
from apps.fraud.train.recipe import recipe
from tests.apps.fraud.tables import wild_copies
from tests.real import judged, table
from tests.training.local import LocalTrainer
from training.data import read
from training.measures.carried import check_carried
from training.recipe import RecipeOptions

SETS = {"30_satellite": (0.795, True), "38_thyroid": (0.977, False)}
"""AUROC of a plain autoencoder fitted on normal records, and whether the distance from the median is beaten."""


def test_the_recipe_is_of_the_app() -> None:
    assert recipe.app is app
    assert not set(recipe.forbidden) & set(app.feature_names)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SETS))
def test_real_sets_reach_their_floors_and_are_judged_beside_the_baseline(real_data: Path, name: str) -> None:
    made = judged(recipe, table(recipe, read.from_files([real_data / "fraud" / f"{name}.npz"])))
    floor, beats = SETS[name]
    assert made.metrics["auroc", "all"].value >= floor
    verdicts = {check.name: check.passed for check in made.checks}
    assert verdicts["beats the distance from the median"] is beats
    assert verdicts["beats drawing at random, ranking"] and verdicts["beats drawing at random, alerts"]
    assert all(verdicts.values()) is beats, made.checks


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wild copies", "noise"])
def test_data_without_a_signal_for_alerts_is_refused(kind: str) -> None:
    frame = wild_copies(3000)
    if kind == "noise":
        frame["label"] = np.random.default_rng(1).permutation(frame["label"])
    made = judged(recipe, table(recipe, read.from_generator(frame, "fraud")))
    failed = {check.name for check in made.checks if not check.passed}
    assert "beats drawing at random, alerts" in failed, made.metrics
    assert made.metrics["precision", "alerts"].value < 2 * made.metrics["prevalence", "test"].value


def test_a_note_that_was_written_after_the_fraud_is_refused_by_its_name() -> None:
    """It is not implausibly good alone, and nothing else says anything."""
    frame = wild_copies(1500).drop(columns=[f"copy_{number}" for number in range(8)])
    frame["note"] = 5.0 * frame["label"] + np.random.default_rng(2).normal(size=len(frame))
    split = recipe.split(recipe.schema.validate(recipe.tidy(frame, RecipeOptions())))
    check = check_carried(recipe, recipe.fit(split, LocalTrainer(2)), split)
    assert not check.passed
    assert check.reason.startswith("column 'note' carries the prediction: ")
    assert check.reason.endswith("--allow-column note")


def test_no_feature_carries_the_ranking() -> None:
    split = recipe.split(recipe.schema.validate(recipe.tidy(recipe.generate(7), RecipeOptions())))
    check = check_carried(recipe, recipe.fit(split, LocalTrainer()), split)
    assert check.passed and check.measured.startswith("AUROC 0.")
