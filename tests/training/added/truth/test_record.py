"""What a real MLflow keeps of judged versions: figures, rows, and why a model was refused."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from serving.kernel.storage.model_repository import Repository
from tests.training.added.truth.made import good, judged, noise, rows
from training.added.add import Added, add
from training.compare.run import CompareRequest, Comparison, compare
from training.errors import DataError, GateRefused
from training.measures import evaluation_rows
from training.progress import Silent
from training.registry.mlflow_registry import Registry
from training.registry.refused_runs import refused_runs


def added(path: Path, registry: Registry, root: Path, **split: str) -> Added:
    with ExitStack() as stack:
        return add(judged(stack, path, rows(), "churned", **split), registry, root, Silent())


def test_a_version_that_passes_has_its_verdict_everywhere(registry: Registry, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    root = tmp_path / "models"
    made = added(good(tmp_path), registry, root, group="who")
    manifest = Repository(root).verify("m", 1)
    assert manifest.gate and manifest.metrics == made.manifest.metrics
    (version,) = registry.versions("m")
    assert version.tags["slipway.gate"] == "passed 3 checks"
    assert (version.tags["slipway.dataset"], version.tags["slipway.dataset_sha256"]) == ("rows.csv", "ab" * 32)
    assert msgspec.json.decode(version.tags["slipway.split"])["column"] == "who"
    client = MlflowClient(registry.tracking_uri)
    run = client.get_run(manifest.run_id)
    described = client.get_model_version("m", "1").description
    assert run.data.metrics["auroc"] == pytest.approx(manifest.metrics[0].value)
    assert run.data.metrics["baseline/auroc"] == 0.5 and run.data.params["label"] == "churned"
    assert run.data.tags["slipway.verdict"] == "registered"
    assert "passed 3 checks of the gate on rows.csv; auroc" in described
    folder = registry.fetch(manifest.run_id, evaluation_rows.FOLDER, tmp_path / "fetched")
    assert folder is not None
    assert len(evaluation_rows.load(folder / evaluation_rows.NAME).rows) == manifest.rows["held_out"]
    card = (root / "m" / "README.md").read_text()
    assert "## How good it is" in card and "| auroc | all |" in card and "not judged" not in card
    assert "split by whole groups (`who`)" in card
    assert "It is not known whether the model was trained on these rows." in card


def test_a_version_that_is_no_better_is_refused_and_its_run_says_why(registry: Registry, tmp_path: Path) -> None:
    root = tmp_path / "models"
    with pytest.raises(GateRefused, match="beats chance") as raised:
        added(noise(tmp_path), registry, root)
    assert raised.value.exit_code == 3 and raised.value.metrics[0].name == "auroc"
    assert registry.versions("m") == [] and list(root.iterdir()) == []
    (run,) = refused_runs(registry, "m")
    assert (run.run_id, run.dataset) == (raised.value.run_id, "rows.csv")
    assert [check.name for check in run.failed] == ["beats chance"]


def test_judged_versions_are_compared_by_the_rows_they_kept(registry: Registry, tmp_path: Path) -> None:
    root = tmp_path / "models"
    added(good(tmp_path), registry, root)
    added(good(tmp_path), registry, root, time="day")
    with ExitStack() as stack:
        made = judged(stack, good(tmp_path), rows(), "churned")
        made.built.manifest.split["data_sha256"] = "cd" * 32
        add(made, registry, root, Silent())

    def compared(first: int, second: int) -> Comparison:
        return compare(CompareRequest(app="m", versions=(first, second), repository=root), registry)

    found = compared(1, 2)
    assert found.kind == "probabilities" and 0 < found.rows < min(found.rows_first, found.rows_second)
    assert all(line.difference == 0 for line in found.lines)
    assert not [note for note in found.notes if "different data" in note]
    assert "judged on different data: version 1 on rows.csv (abababababab), version 3" in compared(1, 3).notes[0]


def test_a_version_that_was_not_judged_cannot_be_compared_so(registry: Registry, tmp_path: Path) -> None:
    from tests.training.added.test_add import added as plain

    root = tmp_path / "models"
    for _ in range(2):
        plain(good(tmp_path), registry, root)
    with pytest.raises(DataError, match="version 1 was not judged: it was added without --label"):
        compare(CompareRequest(app="sum", versions=(1, 2), repository=root), registry)
