"""What a real MLflow keeps of judged versions: figures, rows, and why a model was refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from serving.kernel.storage.model_repository import Repository
from tests.training.added.truth.made import good, judged, noise, rows
from training.added.add import add, prepared
from training.added.build import Wanted
from training.compare.run import CompareRequest, Comparison, compare
from training.errors import DataError, GateRefused
from training.measures import evaluation_rows
from training.progress import Silent
from training.registry.mlflow_registry import Registry
from training.registry.refused_runs import refused_runs


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Path]:
    """Version 1 is judged by groups, 2 by time on other data, 3 not at all."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    root = folder / "models"
    with ExitStack() as stack:
        add(judged(stack, good(folder), rows(), "churned", group="who"), registry_of(folder), root, Silent())
        made = judged(stack, good(folder), rows(), "churned", time="day")
        made.built.manifest.split["data_sha256"] = "cd" * 32
        add(made, registry_of(folder), root, Silent())
        wanted = Wanted(name="m", path=good(folder), source="good.onnx", triton=False)
        add(stack.enter_context(prepared(wanted, Silent())), registry_of(folder), root, Silent())
    yield folder


def registry_of(place: Path) -> Registry:
    return Registry(f"sqlite:///{place}/mlflow.db")


def compared(place: Path, first: int, second: int) -> Comparison:
    request = CompareRequest(app="m", versions=(first, second), repository=place / "models")
    return compare(request, registry_of(place))


def test_a_version_that_passes_has_its_verdict_in_the_registry(place: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    registry, manifest = registry_of(place), Repository(place / "models").verify("m", 1)
    first, _, third = registry.versions("m")
    assert (first.tags["slipway.gate"], third.tags["slipway.gate"]) == ("passed 3 checks", "not judged")
    assert (first.tags["slipway.dataset"], first.tags["slipway.dataset_sha256"]) == ("rows.csv", "ab" * 32)
    assert msgspec.json.decode(first.tags["slipway.split"])["column"] == "who"
    client = MlflowClient(registry.tracking_uri)
    run = client.get_run(manifest.run_id)
    assert run.data.metrics["auroc"] == pytest.approx(manifest.metrics[0].value)
    assert run.data.metrics["baseline/auroc"] == 0.5 and run.data.params["label"] == "churned"
    assert run.data.tags["slipway.verdict"] == "registered"
    assert "passed 3 checks of the gate on rows.csv; auroc" in client.get_model_version("m", "1").description
    folder = registry.fetch(manifest.run_id, evaluation_rows.FOLDER, tmp_path)
    assert folder is not None
    assert len(evaluation_rows.load(folder / evaluation_rows.NAME).rows) == manifest.rows["held_out"]


def test_a_version_that_is_no_better_is_refused_and_its_run_says_why(registry: Registry, tmp_path: Path) -> None:
    with ExitStack() as stack, pytest.raises(GateRefused, match="beats chance") as raised:
        add(judged(stack, noise(tmp_path), rows(), "churned"), registry, tmp_path / "models", Silent())
    assert raised.value.exit_code == 3 and raised.value.metrics[0].name == "auroc"
    assert registry.versions("m") == [] and list((tmp_path / "models").iterdir()) == []
    (run,) = refused_runs(registry, "m")
    assert (run.run_id, run.dataset) == (raised.value.run_id, "rows.csv")
    assert [check.name for check in run.failed] == ["beats chance"]


def test_judged_versions_are_compared_by_the_rows_they_kept(place: Path) -> None:
    found = compared(place, 1, 2)
    assert found.kind == "probabilities" and 0 < found.rows < min(found.rows_first, found.rows_second)
    assert all(line.difference == 0 for line in found.lines)
    assert "judged on different data: version 1 on rows.csv (abababababab), version 2" in found.notes[0]


def test_a_version_that_was_not_judged_cannot_be_compared_so(place: Path) -> None:
    with pytest.raises(DataError, match="version 3 was not judged: it was added without --label"):
        compared(place, 1, 3)
