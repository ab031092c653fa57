from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from control.gallery.entries import collect
from serving.kernel.storage.version_manifest import Aliases
from tests.control.cards.made import plots
from tests.serving import added
from tests.training import toy
from tests.training.conftest import make_servable
from training.onnx import export
from training.onnx.trees import tree_node
from training.publish import repository
from training.registry.mlflow_registry import Registry

TOY = "tests.training.toy_app"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Registry:
    database = shutil.copy(empty_database, tmp_path_factory.mktemp("registry"))
    return Registry(f"sqlite:///{database}")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Path:
    """Versions 1 and 2 of the toy; version 1 is champion and its run has a plot."""
    folder = tmp_path_factory.mktemp("models")
    export.save(toy.app, toy.graph(tree_node(toy.local_booster(), "features", "y")), folder / "model.onnx")
    run_id = registry.start("toy", "toy run", {})
    registry.log_folder(run_id, plots(folder / "plots", "error_by_slice"), "plots")
    for number in (1, 2):
        servable = make_servable(
            folder / f"servable-{number}", folder / "model.onnx", note=f"{number}.csv", run_id=run_id
        )
        repository.publish(servable, folder / "repository", "toy", number)
    repository.set_aliases(folder / "repository", "toy", Aliases(champion=1))
    return folder / "repository"


def test_the_champion_with_its_plots(models: Path, registry: Registry, tmp_path: Path) -> None:
    (entry,) = collect(models, registry, tmp_path, [TOY])
    assert entry.manifest is not None and entry.manifest.version == 1
    assert (entry.app, entry.champion, entry.others, entry.missing) == ("toy", True, (2,), "")
    assert [path.name for path in entry.plots] == ["error_by_slice.png"]


def test_without_mlflow_it_says_which_plots_are_missing(models: Path, tmp_path: Path, unused_port: int) -> None:
    (entry,) = collect(models, None, tmp_path, [TOY])
    assert entry.plots == ()
    assert entry.manifest is not None
    assert entry.missing == (
        f"The plots of run {entry.manifest.run_id} are missing: they are in MLflow, which is not running."
    )
    (entry,) = collect(models, Registry(f"http://127.0.0.1:{unused_port}"), tmp_path, [TOY])
    assert "are missing: could not fetch plots" in entry.missing


def test_every_app_has_an_entry_even_without_a_version(tmp_path: Path) -> None:
    found = collect(tmp_path / "empty", None, tmp_path)
    assert len(found) > 1
    assert all(entry.manifest is None and entry.card and entry.summary for entry in found)
    with pytest.raises(LookupError, match="there is no app 'nothing'"):
        collect(tmp_path, None, tmp_path, ["nothing"])


def test_added_models_are_among_them(tmp_path: Path) -> None:
    added.write_version(tmp_path / "models", 1)
    (tmp_path / "models" / "sum" / "README.md").write_text("# sum\n")
    entry = collect(tmp_path / "models", None, tmp_path)[-1]
    assert (entry.app, entry.card, entry.missing) == (
        "sum",
        "# sum\n",
        "It was added from a file, so there are no plots of a training.",
    )
    assert [one.app for one in collect(tmp_path / "models", None, tmp_path, ["sum"])] == ["sum"]
