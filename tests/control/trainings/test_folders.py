"""Which folders are added as files, which are served by Triton, and what the linter says before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from control.trainings.folders import from_folder
from tests.training.added.folders import folders
from training.added.build import Wanted
from training.added.errors import AddError

GPUS = "instance_group { kind: KIND_CPU gpus: [0] }"


def wanted(path: Path, **more: Any) -> Wanted:
    return Wanted(name="m", path=path, source=path.name, **more)


def test_a_plain_graph_is_added_as_the_file_is(tmp_path: Path) -> None:
    found, folder = from_folder(wanted(folders.plain(tmp_path), labels=("no", "yes")), trust=False)
    assert (folder, found.path) == (None, tmp_path / "linear" / "1" / "model.onnx")
    assert (found.labels, found.overrides.inputs) == (("no", "yes"), {"x": (-1, 3)})


def test_other_models_are_served_by_triton_with_trust(tmp_path: Path) -> None:
    path = folders.ensemble(tmp_path)
    with pytest.raises(AddError, match="twice is Python code.*--trust"):
        from_folder(wanted(path), trust=False)
    _, folder = from_folder(wanted(path), trust=True)
    assert folder is not None and [part.name for part in folder.parts] == ["linear", "twice"]
    with pytest.raises(AddError, match="--no-triton is for ONNX files"):
        from_folder(wanted(path, triton=False), trust=True)


def test_what_the_linter_finds_is_shown_before_anything_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folders.plain(tmp_path, folders.LINEAR.replace("dims: [3]", "dims: [4]") + "response_cach { }")
    with pytest.raises(AddError) as refused:
        from_folder(wanted(path), trust=False)
    assert "linear/config.pbtxt:5 T140 input[0].dims: [4]; expected [3]" in str(refused.value)
    assert "T103 response_cach: unknown field" in str(refused.value)
    (path / "config.pbtxt").write_text(folders.LINEAR + "instance_group { kind: KIND_CPU passive: true }")
    from_folder(wanted(path), trust=False)
    assert "warning: linear/config.pbtxt:7 T163" in capsys.readouterr().err


def test_the_models_that_an_ensemble_uses_are_checked_too(tmp_path: Path) -> None:
    path = folders.ensemble(tmp_path)
    (tmp_path / "linear" / "config.pbtxt").write_text(folders.LINEAR + GPUS)
    with pytest.raises(AddError, match="linear/config.pbtxt:7 T160"):
        from_folder(wanted(path), trust=True)
