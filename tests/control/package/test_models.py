from __future__ import annotations

from pathlib import Path

import pytest

from control.errors import PackageError
from control.package.chosen import Chosen, choose
from control.package.image import write as write_image
from control.package.models import copy_version, lint_copy
from control.package.sources import copy_sources
from serving.kernel.app_values import batching_of
from serving.kernel.find_app import find_app
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import Aliases
from tests.serving import added
from tests.training.added.folders import folders
from training.added.folders.read import read_folder
from training.added.folders.write import write_models
from training.publish import added_files, servable


def test_a_version_is_copied_whole_and_alone(chosen: Chosen, tmp_path: Path) -> None:
    (chosen.folder / "left.over").write_text("no")
    folder = copy_version(chosen, tmp_path / "copy", champion=True)
    view = Repository(tmp_path / "copy")
    assert (folder, view.versions("basket")) == (tmp_path / "copy" / "basket", [2])
    assert view.aliases("basket") == Aliases(champion=2)
    assert view.verify("basket", 2) == chosen.manifest
    assert 'name: "basket"' in (folder / "config.pbtxt").read_text()
    lint_copy(tmp_path / "copy")


def test_a_version_that_changes_meanwhile_is_refused(chosen: Chosen, tmp_path: Path) -> None:
    (chosen.folder / "model.onnx").write_bytes(b"other")
    with pytest.raises(PackageError, match=r"basket version 2 changed while it was copied: model\.onnx"):
        copy_version(chosen, tmp_path / "copy")


def test_what_triton_would_refuse_is_refused(chosen: Chosen, tmp_path: Path) -> None:
    folder = copy_version(chosen, tmp_path / "copy")
    config = folder / "config.pbtxt"
    config.write_text(config.read_text().replace("dims: [2]", "dims: [3]"))
    with pytest.raises(PackageError, match=r"T140 input\[0\].dims: \[3\]; expected \[2\]"):
        lint_copy(tmp_path / "copy")


def test_an_added_model_takes_what_is_beside_its_versions_along(tmp_path: Path) -> None:
    added.write_version(tmp_path / "models", 1, names="ab")
    added.write_version(tmp_path / "models", 2, names="pq")
    (tmp_path / "models" / "sum" / "README.md").write_text("# sum\n")
    chosen = choose(tmp_path / "models", "sum", 1)
    assert (chosen.app.feature_names, chosen.package) == (("a", "b"), "sum")
    folder = copy_version(chosen, tmp_path / "copy", champion=True)
    assert (folder / "README.md").read_text() == "# sum\n"
    found = find_app("sum", tmp_path / "copy")
    assert found.feature_names == ("a", "b") and batching_of(found).max_rows == 8
    lint_copy(tmp_path / "copy")
    copy_sources(chosen, tmp_path / "context")
    assert [path.name for path in (tmp_path / "context").iterdir()] == ["serving"], "it has no code of its own"


def test_an_ensemble_takes_the_models_that_it_uses_along(tmp_path: Path) -> None:
    root, folders_of = tmp_path / "models", tmp_path / "given"
    folders.ensemble(folders_of)
    version = root / "whole" / "1"
    write_models("whole", read_folder(folders_of / "whole"), version)
    added_files.write_config(root, "whole", servable.seal(version, added.manifest(model="whole")), version)
    chosen = choose(root, "whole")
    copy_version(chosen, tmp_path / "copy", champion=True)
    lint_copy(tmp_path / "copy")
    assert Repository(tmp_path / "copy").models() == ["linear", "twice", "whole"]
    assert (tmp_path / "copy" / "twice" / "1" / "model.py").read_text() == folders.CALLS_LINEAR
    image = write_image(chosen, tmp_path / "out")
    assert any("SLIPWAY_TRITON_URL" in command for command in image.commands)
    assert "no volume and SLIPWAY_TRITON_URL to answer" in (image.path / "Dockerfile").read_text()
