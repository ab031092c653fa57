from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from serving.kernel.storage.version_manifest import Check
from tests.training import toy
from training.data.load import load
from training.errors import DataError, GateRefused
from training.recipe import RecipeOptions
from training.registry.mlflow_registry import Registry
from training.training_run import TrainingRun, open_run

PASSED = Check(name="mae", passed=True, measured="1", required="2")
FAILED = Check(name="coverage", passed=False, measured="0.5", required="0.9", reason="it is too low")


@pytest.fixture
def opened(registry: Registry) -> Iterator[TrainingRun]:
    options = RecipeOptions(select={"kind": "x"}, seed=9)
    with open_run(registry, toy.recipe, load(toy.recipe), options, workers=2) as run:
        yield run


def test_a_run_names_its_data_and_options(opened: TrainingRun) -> None:
    found = MlflowClient(opened.registry.tracking_uri).get_run(opened.id)
    assert found.data.params == {"seed": "9", "workers": "2", "select.kind": "x"}
    tags = {name: found.data.tags[f"slipway.{name}"] for name in ("app", "dataset", "synthetic", "dataset_sha256")}
    assert tags == {
        "app": "toy",
        "dataset": "synthetic data of toy",
        "synthetic": "true",
        "dataset_sha256": opened.dataset.sha256,
    }
    assert opened.servable.is_dir() and found.info.status == "RUNNING"


def test_checks_add_up_until_one_fails(opened: TrainingRun) -> None:
    opened.require([PASSED])
    with pytest.raises(GateRefused, match="coverage: it is too low") as refusal:
        opened.require([FAILED])
    assert refusal.value.checks == (PASSED, FAILED)


def test_a_refused_run_keeps_its_report(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(GateRefused) as refusal:
        with open_run(registry, toy.recipe, load(toy.recipe), RecipeOptions(), 1) as run:
            run.require([PASSED, FAILED])
    assert refusal.value.run_id == run.id and not run.folder.exists()
    found = MlflowClient(registry.tracking_uri).get_run(run.id)
    assert found.data.tags["slipway.verdict"] == "refused"
    report = registry.fetch(run.id, "report", tmp_path / "fetched")
    assert report is not None
    assert [check["passed"] for check in json.loads((report / "gate.json").read_text())] == [True, False]


def test_an_error_closes_the_run_with_the_reason(registry: Registry) -> None:
    with pytest.raises(DataError):
        with open_run(registry, toy.recipe, load(toy.recipe), RecipeOptions(), 1) as run:
            raise DataError("row 7 is wrong")
    found = MlflowClient(registry.tracking_uri).get_run(run.id)
    assert found.info.status == "FAILED"
    assert found.data.tags["slipway.reason"] == "DataError: row 7 is wrong"
