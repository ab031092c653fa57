"""What is said where Triton cannot run a folder; that it can is shown in test_build.py."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.training.added.folders import folders
from training.added.errors import AddError
from training.added.folders.engine import check_backends, reason_of
from training.added.folders.read import read_folder


def test_a_backend_that_is_not_here_is_refused(tmp_path: Path) -> None:
    check_backends(read_folder(folders.ensemble(tmp_path)))
    plan = folders.write(tmp_path / "plan", 'platform: "tensorrt_plan"', model_plan="")
    with pytest.raises(AddError, match="plan needs Triton's backend 'tensorrt'.* ensemble, onnxruntime, python"):
        check_backends(read_folder(plan))


def test_without_triton_it_is_said_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def lacking(name: str, package: str | None = None) -> Any:
        return None if name == "pytriton" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", lacking)
    with pytest.raises(AddError, match=r"not installed here.*pip install 'slipway\[train\]'"):
        check_backends(read_folder(folders.python(tmp_path)))


LOG = r"""
I1130 23:18:41.814670 7609 pb_stub.cc:366]  Failed to initialize Python stub: No module named 'a'
E1130 23:18:42.141002 7599 life.cc:6] "failed to load 'bad' version 1: Internal: No module named 'a'\n\nAt:\n"
E1130 23:18:42.141003 7599 repository.cc:1] "Poll failed for model directory 'worse': unexpected platform"
"""


def test_the_reason_is_taken_from_tritons_log() -> None:
    assert reason_of(LOG) == "bad: Internal: No module named 'a'; worse: unexpected platform"
    assert reason_of("a log of another kind") == "a log of another kind"
