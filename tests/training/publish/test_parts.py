"""The models that a model from a folder uses come and go with it, in the repository and in its copies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import Aliases
from tests.serving import added
from tests.training.added.folders import folders
from tests.training.publish.test_rebuild_from_mlflow import digests
from training.added.folders.read import read_folder
from training.added.folders.write import write_models
from training.publish import added_files, promotion, removal, repository, servable
from training.publish.parts import publish_parts, remove_unused, users_of
from training.publish.rebuild_from_mlflow import rebuild
from training.publish.repository import Change, RepositoryError
from training.publish.repository_copy import copy
from training.registry.mlflow_registry import Registry


@pytest.fixture
def models(registry: Registry, tmp_path: Path) -> Path:
    """`whole`, which uses `linear` and `twice`."""
    root = tmp_path / "models"
    folders.ensemble(tmp_path / "given")
    add(registry, tmp_path, root, "whole")
    return root


def add(registry: Registry, tmp_path: Path, root: Path, name: str) -> None:
    """Register and publish a model that is made from the folder `whole`."""
    folder = tmp_path / name
    write_models(name, read_folder(tmp_path / "given" / "whole"), folder)
    run_id = registry.start(name, "run", {})
    manifest = servable.seal(folder, added.manifest(model=name))
    registry.log_folder(run_id, folder, "servable")
    version = registry.register(name, run_id, {"slipway.added": "true"})
    registry.set_aliases(name, Aliases(champion=version))
    publish_parts(folder, root)
    added_files.write_config(root, name, manifest, folder)
    repository.publish(folder, root, name, version)
    repository.set_aliases(root, name, Aliases(champion=version))


def test_they_are_rebuilt_from_the_version_that_uses_them(
    registry: Registry, models: Path, tmp_path: Path
) -> None:
    before = digests(models)
    assert {"linear/1/model.onnx", "twice/config.pbtxt", "whole/config.pbtxt"} <= before.keys()
    shutil.rmtree(models)
    parts = [Change("linear", 1, "written"), Change("twice", 1, "written")]
    assert rebuild(registry, models) == [*parts, Change("whole", 1, "written")]
    assert digests(models) == before
    (models / "linear" / "1" / "model.onnx").write_bytes(b"rot")
    (models / "linear" / "config.pbtxt").unlink()
    shutil.rmtree(models / "twice")
    found = [(change.app, change.action) for change in rebuild(registry, models)]
    assert found == [("linear", "repaired"), ("twice", "written"), ("whole", "kept")]
    assert digests(models) == before
    target = tmp_path / "target"
    assert [change.app for change in copy(str(models), str(target), ["whole"])] == ["linear", "twice", "whole"]
    assert digests(target) == before
    registry.unregister("whole", 1)
    assert rebuild(registry, models, ["whole"], prune=True) == [Change("whole", 1, "removed")]
    assert Repository(models).models() == ["whole"] and not repository.versions(models, "whole")


def test_they_go_with_the_last_model_that_uses_them(registry: Registry, models: Path, tmp_path: Path) -> None:
    add(registry, tmp_path, models, "other")
    assert users_of(models, "linear") == ["other", "whole"]
    with pytest.raises(RepositoryError, match="linear cannot be removed: other, whole uses it"):
        removal.check_removable(models, "linear")
    with pytest.raises(RepositoryError, match="linear is there for other, whole alone and has no champion"):
        promotion.promote(registry, models, "linear", 1, "a test")
    removal.remove_model(registry, models, "other")
    assert Repository(models).models() == ["linear", "twice", "whole"]
    removal.remove_version(registry, models, "whole", 1)
    assert list(models.iterdir()) == []


def test_a_model_that_was_added_by_itself_stays_as_it_is(tmp_path: Path) -> None:
    root, version = tmp_path / "models", tmp_path / "whole"
    write_models("whole", read_folder(folders.ensemble(tmp_path / "given")), version)
    shutil.copytree(version / "parts" / "linear", root / "linear")
    servable.seal(root / "linear" / "1", added.manifest(model="linear"))
    assert publish_parts(version, root) == [Change("twice", 1, "written")]
    repository.set_aliases(root, "linear", Aliases(champion=1))
    (root / "linear" / "1" / "model.onnx").write_bytes(b"rot")
    assert publish_parts(version, root) == [], "the registry has its files"
    assert remove_unused(root, ["linear", "twice", "none"]) == ["twice"]
