"""However an attempt to add a model ends, it leaves nothing behind, or the next one puts it right."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from serving.kernel.storage.version_manifest import Aliases
from tests.training.added.models import linear
from tests.training.added.publish.killed import Ending, prepare
from training.added.add import add
from training.added.errors import AddError
from training.added.publish.attempt import attempt
from training.progress import Silent
from training.publish import repository
from training.registry.mlflow_registry import Registry


def status(registry: Registry, run_id: str) -> tuple[str, str]:
    """The state of a run, and the verdict that it was closed with."""
    with registry._client("look") as client:
        run = client.get_run(run_id)
    return run.info.status, run.data.tags.get("slipway.verdict", "")


def runs(registry: Registry) -> list[str]:
    """The ids of all runs of the model, oldest first."""
    with registry._client("look") as client:
        experiment = client.get_experiment_by_name("sum")
        found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    return [run.info.run_id for run in found]


def left(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


@pytest.mark.parametrize("when", ["before", "after"])
def test_ctrl_c_takes_everything_back(registry: Registry, tmp_path: Path, when: str) -> None:
    root = tmp_path / "models"
    made = prepare(linear(tmp_path / "m.onnx"), tmp_path / "servable")
    with pytest.raises(KeyboardInterrupt):
        add(made, registry, root, Ending(when, "Ctrl-C"))
    assert left(root) == []
    assert (registry.apps(), registry.versions("sum")) == ([], [])
    assert [status(registry, run) for run in runs(registry)] == [("FAILED", "failed")]


def test_ctrl_c_leaves_earlier_versions_and_aliases_as_they_were(registry: Registry, tmp_path: Path) -> None:
    root = tmp_path / "models"
    first, second = (prepare(linear(tmp_path / "m.onnx"), tmp_path / f"servable{one}") for one in (1, 2))
    add(first, registry, root, Silent())
    with pytest.raises(KeyboardInterrupt):
        add(second, registry, root, Ending("after", "Ctrl-C"), promote=True)
    assert left(root) == ["sum"]
    assert repository.versions(root, "sum") == [1] == [found.version for found in registry.versions("sum")]
    assert repository.aliases(root, "sum") == registry.aliases("sum") == Aliases(champion=1)
    assert repository.promotions(root, "sum")[-1]["to"] == 1


def test_the_next_attempt_puts_right_what_a_killed_one_left(
    registry: Registry, tmp_path: Path, warm_python: list[str], root: Path
) -> None:
    models, path = tmp_path / "models", linear(tmp_path / "m.onnx")
    words = [
        *warm_python,
        "-m",
        "tests.training.added.publish.killed",
        str(path),
        registry.tracking_uri,
        str(models),
    ]
    assert subprocess.run([*words, "before"], cwd=root).returncode != 0
    assert left(models) == [".adding-sum"], "readers see no model"
    assert subprocess.run([*words, "after"], cwd=root).returncode != 0
    assert left(models) == [".adding-sum", "sum"]
    assert repository.versions(models, "sum") == [1], "the first one was never published"
    first, second = runs(registry)
    assert status(registry, first) == ("FAILED", "failed")
    assert status(registry, second)[0] == "RUNNING"
    made = prepare(path, tmp_path / "servable")
    third = add(made, registry, models, Silent())
    assert (third.manifest.version, third.aliases) == (2, Aliases(champion=1, challenger=2))
    assert status(registry, second) == ("FINISHED", "registered")
    assert left(models) == ["sum"]


def test_one_attempt_at_a_time(registry: Registry, tmp_path: Path) -> None:
    with attempt(registry, tmp_path, "sum"):
        with pytest.raises(AddError, match="another `slipway add` of sum is running"):
            with attempt(registry, tmp_path, "sum"):
                pass
        with attempt(registry, tmp_path, "other"):
            pass
    assert left(tmp_path) == ["mlflow.db"]
