"""A plain graph in a folder is added as a file, with what the configuration says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.added.folders import folders
from training.added.build import Built, Wanted, build
from training.added.errors import AddError
from training.added.folders.onnx_file import hints, is_plain, labels
from training.added.folders.read import read_folder
from training.added.plan import Overrides
from training.progress import Silent


def built(folder: Path, target: Path) -> Built:
    found = read_folder(folder)
    assert is_plain(found)
    target.mkdir()
    path = found.model.files["model.onnx"]
    wanted = Wanted(
        name="m", path=path, source="m", triton=False, labels=labels(found), overrides=hints(found, Overrides())
    )
    return build(wanted, target, Silent())


def test_a_model_that_batches_is_served_in_batches(tmp_path: Path) -> None:
    made = built(folders.plain(tmp_path), tmp_path / "servable")
    assert (made.context.alone, made.manifest.inputs[0].shape) == ("", (-1, 3))
    assert made.context.row_axis


def test_without_batches_rows_run_one_at_a_time(tmp_path: Path) -> None:
    config = folders.LINEAR.replace("max_batch_size: 8", "max_batch_size: 0").replace("dims: [", "dims: [-1, ")
    made = built(folders.plain(tmp_path, config), tmp_path / "servable")
    assert made.context.alone == "config.pbtxt has max_batch_size: 0"
    assert (made.values.batching.max_rows, made.manifest.inputs[0].shape) == (1, (-1, 3))


def test_shapes_are_hints_that_options_overrule(tmp_path: Path) -> None:
    found = read_folder(folders.plain(tmp_path, folders.LINEAR.replace("[3]", "[3] reshape { shape: [1, 3] }")))
    assert is_plain(found)
    assert hints(found, Overrides()) == Overrides(inputs={"x": (-1, 1, 3)})
    assert hints(found, Overrides(inputs={"x": (-1, 3)})).inputs == {"x": (-1, 3)}
    (found.model.folder / "config.pbtxt").write_text(folders.LINEAR.replace("[3]", "[-1]"))
    assert hints(read_folder(found.model.folder), Overrides()).inputs == {}, "the graph may know more"


def test_labels_come_from_the_file_beside_the_versions(tmp_path: Path) -> None:
    config = folders.LINEAR.replace("dims: [1]", 'dims: [1] label_filename: "labels.txt"')
    folder = folders.plain(tmp_path, config)
    with pytest.raises(AddError, match=r"linear/labels.txt cannot be read"):
        labels(read_folder(folder))
    (folder / "labels.txt").write_text("no\nyes\n\n")
    assert labels(read_folder(folder)) == ("no", "yes")
    assert built(folder, tmp_path / "servable").context.labels == ("no", "yes")
    (folder / "config.pbtxt").write_text(config.replace("labels.txt", "../secret"))
    with pytest.raises(AddError, match="is outside the folder"):
        labels(read_folder(folder))


def test_other_backends_and_other_settings_are_no_plain_graph(tmp_path: Path) -> None:
    assert not is_plain(read_folder(folders.python(tmp_path)))
    folder = folders.plain(tmp_path)
    (folder / "config.pbtxt").write_text(folders.LINEAR + "sequence_batching { }")
    with pytest.raises(AddError, match="keeps a state"):
        is_plain(read_folder(folder))
    (folder / "1" / "model.onnx").unlink()
    with pytest.raises(AddError, match=r"linear/1/model.onnx does not exist"):
        is_plain(read_folder(folder))
