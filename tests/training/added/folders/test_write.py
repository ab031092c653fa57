from __future__ import annotations

from pathlib import Path

from serving.kernel.storage.version_files import digest_folder, read_manifest
from tests.training.added.folders import folders
from training.added.folders.read import read_folder
from training.added.folders.write import contents, placed, stop_batching, write_models


def test_a_version_holds_the_models_that_it_uses(tmp_path: Path) -> None:
    source, version = read_folder(folders.ensemble(tmp_path / "given")), tmp_path / "version"
    write_models("whole", source, version)
    models = placed("whole", version)
    found = {name: (number, files.relative_to(version).as_posix()) for name, (_, number, files) in models.items()}
    assert found == {
        "whole": (1, "."),
        "linear": (1, "parts/linear/1"),
        "twice": (1, "parts/twice/1"),
    }
    assert digest_folder(version).keys() == {
        "config.pbtxt",
        "parts/linear/config.pbtxt",
        "parts/linear/1/manifest.json",
        "parts/linear/1/model.onnx",
        "parts/twice/config.pbtxt",
        "parts/twice/1/manifest.json",
        "parts/twice/1/model.py",
        "parts/twice/1/__pycache__",
    }
    linear = read_manifest(version / "parts" / "linear" / "1")
    assert not linear.added and linear.inputs[0].shape == (-1, 3)


def test_rows_of_several_requests_are_not_put_together_anywhere(tmp_path: Path) -> None:
    folder, version = folders.ensemble(tmp_path / "given"), tmp_path / "version"
    (tmp_path / "given" / "linear" / "config.pbtxt").write_text(folders.LINEAR + "dynamic_batching { }")
    write_models("whole", read_folder(folder), version)
    before = {name: config for name, (config, _, _) in placed("whole", version).items()}
    stop_batching(version)
    after = {name: config for name, (config, _, _) in placed("whole", version).items()}
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"linear"}
    assert b"dynamic_batching" in before["linear"] and b"dynamic_batching" not in after["linear"]


def test_the_same_files_have_the_same_digest(tmp_path: Path) -> None:
    source = read_folder(folders.python(tmp_path / "given"))
    digests = []
    for name in ("a", "b", "c"):
        if name == "c":
            (source.model.folder / "1" / "model.py").write_text("other")
        write_models("sums", source, tmp_path / name)
        digests.append(contents(source, tmp_path / name))
    assert digests[0] == digests[1] != digests[2]
