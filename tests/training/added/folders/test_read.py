from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.added.folders import folders
from training.added.errors import AddError
from training.added.folders.read import check_trust, read_folder


def test_the_models_of_an_ensemble_come_along_each_after_those_that_it_uses(tmp_path: Path) -> None:
    found = read_folder(folders.ensemble(tmp_path))
    assert [(model.name, model.backend) for model in found.models] == [
        ("linear", "onnxruntime"),
        ("twice", "python"),
        ("whole", "ensemble"),
    ]
    assert list(found.parts[0].files) == ["model.onnx"] and not found.model.files
    called = read_folder(tmp_path / "twice")
    assert [part.name for part in called.parts] == ["linear"], "Python code names it"


def test_the_newest_version_is_added_and_other_things_are_named(tmp_path: Path) -> None:
    folder = folders.plain(tmp_path)
    (folder / "2").mkdir()
    (folder / "2" / "other.onnx").write_bytes(b"new")
    (folder / "2" / "__pycache__").mkdir()
    (folder / "2" / "__pycache__" / "x.pyc").write_bytes(b"")
    (folder / "env.tar.gz").write_bytes(b"")
    (folder / "README.md").write_text("")
    (folder / "config.pbtxt").write_text(folders.LINEAR + 'default_model_filename: "other.onnx"')
    found = read_folder(folder)
    assert found.model.version == 2
    assert {name: path.name for name, path in found.model.files.items()} == {"model.onnx": "other.onnx"}
    assert "beside the versions: env.tar.gz." in found.notes[0] and "1, 2, version 2" in found.notes[1]
    (folder / "config.pbtxt").write_text(folders.LINEAR + "version_policy { specific { versions: [1] } }")
    assert read_folder(folder).model.version == 1


def lacks_a_model(root: Path) -> None:
    (root / "linear").rename(root / "moved")


def uses_itself(root: Path) -> None:
    config = root / "twice" / "config.pbtxt"
    config.write_text(folders.WHOLE.replace('"linear"', '"whole"'))


def has_another_name(root: Path) -> None:
    (root / "linear").rename(root / "Linear")
    config = root / "whole" / "config.pbtxt"
    config.write_text(config.read_text().replace('"linear"', '"Linear"'))


def wants_a_version(root: Path) -> None:
    config = root / "whole" / "config.pbtxt"
    config.write_text(config.read_text().replace("model_version: -1", "model_version: 7"))


def has_a_link(root: Path) -> None:
    (root / "twice" / "1" / "weights").symlink_to("/etc/hostname")


def is_a_link(root: Path) -> None:
    (root / "twice" / "1").rename(root / "code")
    (root / "twice" / "1").symlink_to(root / "code")


def has_a_linked_config(root: Path) -> None:
    (root / "twice" / "config.pbtxt").rename(root / "config.pbtxt")
    (root / "twice" / "config.pbtxt").symlink_to(root / "config.pbtxt")


def has_a_manifest(root: Path) -> None:
    (root / "whole" / "1" / "manifest.json").write_text("{}")


def has_broken_code(root: Path) -> None:
    (root / "twice" / "1" / "model.py").write_text("class")


def shares_a_file(root: Path) -> None:
    config = root / "twice" / "config.pbtxt"
    path = "$$TRITON_MODEL_DIRECTORY/env.tar.gz"
    entry = f'parameters {{ key: "EXECUTION_ENV_PATH" value {{ string_value: "{path}" }} }}'
    config.write_text(config.read_text() + entry)


def names_another_file(root: Path) -> None:
    config = root / "twice" / "config.pbtxt"
    config.write_text(config.read_text() + 'default_model_filename: "code.py"')


def names_no_backend(root: Path) -> None:
    config = root / "twice" / "config.pbtxt"
    config.write_text(config.read_text().replace('backend: "python"', ""))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lacks_a_model, "whole uses the model linear, but .*linear does not exist"),
        (uses_itself, "use each other"),
        (has_another_name, "whole uses 'Linear'; a model is called by"),
        (wants_a_version, "linear has no version folder 7"),
        (has_a_link, "twice/1/weights is a symbolic link"),
        (is_a_link, "twice/1 is a symbolic link"),
        (has_a_linked_config, "twice/config.pbtxt is a symbolic link"),
        (has_a_manifest, "whole/1/manifest.json has a name that a version needs itself"),
        (has_broken_code, "twice/1/model.py: line 1: invalid syntax"),
        (shares_a_file, "the folder that all versions share"),
        (names_another_file, "default_model_filename is 'code.py'"),
        (names_no_backend, "twice/config.pbtxt names no backend"),
    ],
)
def test_a_folder_that_cannot_be_added_is_explained(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    folder = folders.ensemble(tmp_path)
    read_folder(folder)
    spoil(tmp_path)
    with pytest.raises(AddError, match=said):
        read_folder(folder)


def test_code_needs_trust_wherever_it_is(tmp_path: Path) -> None:
    found = read_folder(folders.ensemble(tmp_path))
    with pytest.raises(AddError, match=r"twice is Python code \(1/model.py\)\. Triton runs it .* --trust"):
        check_trust(found, False)
    check_trust(found, True)
    graph = read_folder(tmp_path / "linear")
    check_trust(graph, False)
    (tmp_path / "linear" / "1" / "operators.so").write_bytes(b"")
    with pytest.raises(AddError, match=r"linear brings code of its own \(1/operators.so\)"):
        check_trust(read_folder(tmp_path / "linear"), False)
    (tmp_path / "linear" / "1" / "operators.so").unlink()
    more = 'model_operations { op_library_filename: "/opt/operators" }'
    (tmp_path / "linear" / "config.pbtxt").write_text(folders.LINEAR + more)
    with pytest.raises(AddError, match=r"linear loads libraries \(/opt/operators\)"):
        check_trust(read_folder(tmp_path / "linear"), False)
    other = folders.write(tmp_path / "saved", 'backend: "pytorch"', model_pt="")
    with pytest.raises(AddError, match="the backend 'pytorch' of saved may run code"):
        check_trust(read_folder(other), False)
