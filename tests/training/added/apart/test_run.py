"""A graph may crash the engine or run for ever: the process that waits goes on, and says what happened."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from onnx import TensorProto, helper

from control.trainings.folders import from_folder
from tests.training.added.folders.folders import python
from tests.training.added.models import linear, node, save, value
from training.added.apart.run import build_apart
from training.added.build import Wanted
from training.added.errors import AddError
from training.progress import Silent

FLOAT, BOOL = TensorProto.FLOAT, TensorProto.BOOL
WAIT = """
import sys
from pathlib import Path
from training.added.apart.run import build_apart
from training.added.build import Wanted
from training.progress import Silent
path = Path(sys.argv[1])
build_apart(Wanted(name="m", path=path, source="m", triton=False), path.parent / "servable", Silent())
"""


def apart(path: Path, seconds: float = 60, progress: Silent | None = None, **wanted: Any) -> Any:
    folder = path.parent / "servable"
    folder.mkdir()
    given = {"name": "m", "path": path, "source": path.name, "triton": False, **wanted}
    return build_apart(Wanted(**given), folder, progress or Silent(), seconds)


def endless(path: Path) -> Path:
    """A loop whose condition is always true."""
    body = helper.make_graph(
        [node("Identity", ["on"], ["still"]), node("Add", ["state", "x"], ["more"])],
        "body",
        [value("round", TensorProto.INT64, []), value("on", BOOL, []), value("state", FLOAT, None)],
        [value("still", BOOL, []), value("more", FLOAT, None)],
    )
    return save(
        path,
        [node("Loop", ["", "always", "x"], ["y"], body=body)],
        [value("x", FLOAT, ["n", 2])],
        [value("y", FLOAT, ["n", 2])],
        {"always": True},
    )


def test_what_the_child_builds_is_here_as_if_it_had_been_built_here(tmp_path: Path) -> None:
    progress = Silent()
    made = apart(linear(tmp_path / "m.onnx"), progress=progress)
    assert progress.times.keys() == {"read", "inspect", "parity"}
    assert made.app.name == "m" and made.manifest.parity
    assert (tmp_path / "servable" / "golden.jsonl").is_file()
    rows = made.rows["x"][:2]
    np.testing.assert_allclose(made.run({"x": rows})["y"], rows @ [[1], [2], [3]], rtol=1e-5)


def test_a_folder_of_the_same_name_is_not_taken_for_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "__init__.py").write_text("raise SystemExit('this is not it')\n")
    monkeypatch.chdir(tmp_path)
    assert apart(linear(tmp_path / "m.onnx")).app.name == "m"


def test_errors_are_those_of_the_child(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x80\x04")
    with pytest.raises(AddError, match="a Python pickle"):
        apart(tmp_path / "m.onnx")


def test_a_graph_that_runs_for_ever_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(
        AddError, match=r"was stopped after 2 s, in the step '\w+': it may run for ever.*--timeout"
    ):
        apart(endless(tmp_path / "m.onnx"), seconds=2)
    assert not children()


def test_a_folder_that_never_loads_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton waits for its Python code when it is stopped."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    folder = python(tmp_path)
    (folder / "1" / "model.py").write_text("import time; time.sleep(600)")
    (tmp_path / "servable").mkdir()
    wanted, _ = from_folder(Wanted(name="m", path=folder, source=folder.name), True)
    with pytest.raises(AddError, match=r"was stopped after 5 s, in the step 'triton'"):
        build_apart(wanted, tmp_path / "servable", Silent(), 5)
    assert not children() and not list((tmp_path / "temporary").iterdir())


def test_too_much_memory_is_the_models_fault(tmp_path: Path) -> None:
    path = save(
        tmp_path / "m.onnx",
        [node("ConstantOfShape", ["size"], ["zeros"]), node("Add", ["zeros", "x"], ["y"])],
        [value("x", FLOAT, [1])],
        [value("y", FLOAT, None)],
        {"size": [60_000_000_000]},
    )
    with pytest.raises(AddError, match="needs more memory than is free here"):
        apart(path)


def test_a_crash_is_an_error_that_names_the_signal(tmp_path: Path) -> None:
    with pytest.raises(
        AddError, match=r"crashes ONNX Runtime \(SIGSEGV, in the step 'start'\); it cannot be served"
    ):
        apart(linear(tmp_path / "m.onnx"), source=Fault())


class Fault(str):
    """A text that ends the process that receives it, as a fault in the engine does."""

    def __reduce__(self) -> tuple[Any, ...]:
        return signal.raise_signal, (signal.SIGSEGV,)


def test_the_child_ends_with_the_command_however_that_ends(tmp_path: Path, root: Path) -> None:
    path = endless(tmp_path / "m.onnx")
    (tmp_path / "servable").mkdir()
    command = subprocess.Popen([sys.executable, "-c", WAIT, str(path)], cwd=root)
    waiting = psutil.Process(command.pid)
    while not (found := waiting.children()):
        assert command.poll() is None
        time.sleep(0.05)
    command.kill()
    command.wait()
    assert psutil.wait_procs(found, timeout=60)[1] == []


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "training.added.apart.child" in " ".join(one.cmdline())]
