"""`slipway remove`: it asks, refuses apps, and takes a version or a whole model away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.control.conftest import Slipway
from tests.serving import added
from training.registry.mlflow_registry import Registry


@pytest.fixture
def models(place: Path) -> Path:
    """A model with two versions; without aliases, the second answers."""
    for number in (1, 2):
        added.write_version(place / "models", number)
    return place / "models"


def test_nothing_goes_without_a_yes(slipway: Slipway, models: Path) -> None:
    done = slipway.run("remove", "sum")
    assert done.returncode == 2
    assert "give --yes" in done.stderr
    done = slipway.run("remove", "price", "--yes")
    assert done.returncode == 1
    assert "price is an app" in done.stderr
    assert sorted(path.name for path in (models / "sum").iterdir() if path.is_dir()) == ["1", "2"]


def test_versions_and_models_go(slipway: Slipway, models: Path, registry: Registry) -> None:
    for _ in range(2):
        registry.register("sum", registry.start("sum", "run", {}), {})
    uri = registry.tracking_uri
    done = slipway.run("remove", "sum", "--version", "2", "--yes", MLFLOW_TRACKING_URI=uri)
    assert done.returncode == 1
    assert "sum version 2 is the champion" in done.stderr
    done = slipway.run("remove", "sum", "--version", "1", "-y", "--json", MLFLOW_TRACKING_URI=uri)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"model": "sum", "removed": [1], "parts": []}
    assert [found.version for found in registry.versions("sum")] == [2]
    done = slipway.run("remove", "sum", "--yes", MLFLOW_TRACKING_URI=uri)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-3:] == ["sum", "2", "removed"]
    assert list(models.iterdir()) == []
    assert registry.apps() == []
