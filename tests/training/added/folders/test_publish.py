from __future__ import annotations

from pathlib import Path

import pytest

from serving.kernel.added.find import find_added
from serving.kernel.storage.model_repository import Repository
from tests.serving import added
from tests.training.added.folders import folders
from training.added.errors import AddError
from training.added.folders.publish import check_place
from training.added.folders.read import TritonFolder, read_folder
from training.added.folders.write import write_models
from training.publish import repository, servable
from training.publish.parts import publish_parts


@pytest.fixture
def found(tmp_path: Path) -> TritonFolder:
    return read_folder(folders.ensemble(tmp_path / "given"))


def publish(found: TritonFolder, tmp_path: Path) -> Path:
    root = tmp_path / "models"
    write_models("whole", found, tmp_path / "servable")
    publish_parts(tmp_path / "servable", root)
    return root


def test_models_that_are_used_are_published_for_triton_alone(found: TritonFolder, tmp_path: Path) -> None:
    check_place("whole", found, tmp_path / "models")
    root = publish(found, tmp_path)
    there = Repository(root)
    assert there.models() == ["linear", "twice"]
    assert there.verify("twice", 1).files.keys() == {"model.py", "__pycache__"}
    assert find_added(root, "twice") is None
    publish_parts(tmp_path / "servable", root)
    check_place("whole", found, root)


def test_names_that_are_taken_are_refused(found: TritonFolder, tmp_path: Path) -> None:
    root = publish(found, tmp_path)
    with pytest.raises(AddError, match="uses a model of the same name"):
        check_place("linear", found, tmp_path / "empty")
    (tmp_path / "given" / "twice" / "1" / "model.py").write_text("linear = 1")
    with pytest.raises(AddError, match="uses the model twice, and the model repository has another one"):
        check_place("whole", read_folder(found.model.folder), root)


def test_all_versions_of_a_model_have_one_configuration(found: TritonFolder, tmp_path: Path) -> None:
    root = tmp_path / "models"
    added.write_version(root, 1)
    check_place(added.NAME, None, root)
    with pytest.raises(AddError, match="with another config.pbtxt"):
        check_place(added.NAME, found, root)
    alike = (found.model.folder / "config.pbtxt").read_bytes()
    repository.write_app_files(
        root, added.NAME, {"config.pbtxt": alike + b'name: "sum" version_policy { all { } }'}
    )
    check_place(added.NAME, found, root)


def test_a_model_that_another_one_uses_stays_as_it_is(found: TritonFolder, tmp_path: Path) -> None:
    root = publish(found, tmp_path)
    servable.seal(tmp_path / "servable", added.manifest(model="whole"))
    repository.publish(tmp_path / "servable", root, "whole", 1)
    with pytest.raises(AddError, match="whole uses the version of twice that is there"):
        check_place("twice", read_folder(tmp_path / "given" / "twice"), root)
    with pytest.raises(AddError, match="whole uses the version of linear"):
        check_place("linear", None, root)
    check_place("whole", found, tmp_path / "other")


def test_a_file_does_not_follow_a_folder(found: TritonFolder, tmp_path: Path) -> None:
    root = publish(found, tmp_path)
    servable.seal(tmp_path / "servable", added.manifest(model="whole"))
    repository.publish(tmp_path / "servable", root, "whole", 1)
    with pytest.raises(AddError, match="whole is served by Triton from a folder"):
        check_place("whole", None, root)
