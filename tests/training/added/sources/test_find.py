"""Files are told apart by what is in them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from training.added.errors import AddError
from training.added.sources.find import find_source


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return path


@pytest.mark.parametrize(
    ("name", "content", "kind", "form", "executes"),
    [
        ("m.onnx", b"\x08\x09", "onnx", "", False),
        ("m.json", b'{"learner":', "xgboost", "", False),
        ("m.ubj", b"{L\x00\x00", "xgboost", "", False),
        ("m.txt", b"tree\nversion=v4", "lightgbm", "", False),
        ("m.pkl", b"\x80\x04", "sklearn", "pickle", True),
        ("old.pickle", b"ccopy_reg", "sklearn", "pickle", True),
        ("renamed.onnx", b"\x80\x05", "sklearn", "pickle", True),
        ("m.joblib", b"x\x9c", "sklearn", "joblib", True),
    ],
)
def test_files(tmp_path: Path, name: str, content: bytes, kind: str, form: str, executes: bool) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found = find_source(path)
    assert (found.path, found.kind, found.format, found.executes) == (str(path), kind, form, executes)


def test_zip_files(tmp_path: Path) -> None:
    skops = find_source(zipped(tmp_path / "m", "schema.json", "1.npy"))
    assert (skops.kind, skops.format, skops.executes) == ("sklearn", "skops", False)
    program = find_source(zipped(tmp_path / "p", "p/archive_format", "p/models/model.json", "p/data/x.pt"))
    assert (program.kind, program.format, program.executes) == ("torch", "pt2", True)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a/data.pkl", "a/data/0"), "not a graph; export it once: torch.export.save"),
        (("config.json", "model.weights.h5"), "a Keras model; convert it"),
        (("readme.txt",), "a zip file of no known kind"),
    ],
)
def test_zip_files_that_hold_no_graph(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(AddError, match=said):
        find_source(zipped(tmp_path / "m.zip", *names))


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(AddError, match="does not exist"):
        find_source(tmp_path / "nothing.onnx")
    with pytest.raises(AddError, match="a folder without MLmodel .* and without config.pbtxt"):
        find_source(tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.onnx").touch()
    with pytest.raises(
        AddError, match="give the file itself: `slipway add .*/1/model.onnx --name test_what_is_no"
    ):
        find_source(tmp_path)
    (tmp_path / "m.skops").write_bytes(b"PK\x03\x04")
    with pytest.raises(AddError, match="damaged zip file"):
        find_source(tmp_path / "m.skops")


def test_devices_and_pipes_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.onnx")
    for path in (Path("/dev/zero"), tmp_path / "m.onnx"):
        with pytest.raises(AddError, match=f"{path} is a device, a pipe or a socket; give a file"):
            find_source(path)
