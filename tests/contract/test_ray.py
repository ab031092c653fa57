"""Fits on two workers of a real Ray. The versions that the other tests ask are fitted in one process.

What fits those versions can travel to workers: `tests/trained.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.kernel.find_app import find_apps
from tests.trained import QUICKER, Trained
from tests.training.watched import Seer
from training.data.split import check
from training.find_recipe import find
from training.fit.trainer import Trainer
from training.measures import gate


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["xgboost", "torch"])
def test_what_two_workers_fit_passes_the_gate(kind: str, ray: None, trained: Trained, tmp_path: Path) -> None:
    """Of the apps that a library fits, the one whose fits take least time."""
    seconds = {app.name: took for app in find_apps() if (took := trained.fits(app).get(kind))}
    recipe, watch = find(min(seconds, key=seconds.__getitem__)), Seer()
    tidy = trained.tidy(recipe.app)
    parts = check(recipe.split(tidy), recipe.time_column)
    fitted = recipe.fit(parts, Trainer(2, 7, tmp_path, watch, params=QUICKER.get(recipe.app.name)))
    gate.refuse(gate.judge(recipe, tidy, recipe.evaluate(fitted, parts)))
    assert sum("RayTrainWorker" in line for line in watch.running) == 2
