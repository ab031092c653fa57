"""Versions of every app can be compared: training keeps their rows, and a published version gives them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.trained import AnyApp, Trained
from training.compare.intervals import LEAST_BLOCKS
from training.compare.rerun import published
from training.data import split
from training.errors import DataError
from training.find_recipe import find
from training.measures.evaluation_rows import FOLDER, NAME, load, pair
from training.recipe import Evaluation
from training.registry.mlflow_registry import Registry


def kept(app: AnyApp, trained: Trained, folder: Path) -> Evaluation:
    """What the version's training kept."""
    registry = Registry(f"sqlite:///{trained.folder}/{app.name}.db")
    (version,) = registry.versions(app.name)
    found = registry.fetch(version.run_id, FOLDER, folder)
    assert found is not None
    return load(found / NAME)


@pytest.mark.slow
def test_training_keeps_rows_and_a_published_version_gives_them_again(
    app: AnyApp, trained: Trained, tmp_path: Path
) -> None:
    version = trained.version(app)
    before = kept(app, trained, tmp_path)
    assert not before.rows["key"].duplicated().any()
    assert before.rows["block"].nunique() >= LEAST_BLOCKS
    recipe = find(app.name)
    parts = split.check(recipe.split(trained.tidy(app)), recipe.time_column)
    try:
        again = recipe.judged(published(app, trained.repository.folder(app.name, version)), parts)
    except DataError as cause:
        assert "cannot be judged on a file" in str(cause)
        return
    paired = pair(before, again, ("kept", "again"))
    assert len(paired.first) == len(before.rows) == len(again.rows)
    for name in ("predicted", "low", "high", "score"):
        if name in paired.first and paired.kind != "classes":
            one, other = (part[name].to_numpy(dtype=np.float64) for part in (paired.first, paired.second))
            assert np.abs(one - other).max() <= 1e-3 * max(1.0, np.abs(one).max()), name
    if paired.kind == "classes":
        assert (paired.first["predicted"] == paired.second["predicted"]).mean() > 0.999
    assert list(paired.first.get("slice", [])) == list(again.rows.get("slice", []))
