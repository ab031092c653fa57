from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

from benchmarks.added.models import write_onnx
from benchmarks.added.timed import MLFLOW, Recorder, Span
from tests.control.conftest import Slipway, place, slipway

__all__ = ["place", "slipway"]


def test_calls_within_a_call_are_part_of_it() -> None:
    recorder = Recorder()
    inner = recorder.timed(lambda: None, "inner")

    def outer() -> None:
        inner()

    with recorder.span("step"):
        recorder.timed(outer, "outer")()
        inner()
    assert [(span.name, span.owner) for span in recorder.spans] == [
        ("outer", "outer"),
        ("<lambda>", "inner"),
        ("step", ""),
    ]
    first, second, step = recorder.spans
    assert step.began <= first.began <= first.ended <= second.began <= second.ended <= step.ended


def test_a_command_is_watched_from_its_first_step_to_its_last(
    slipway: Slipway, place: Path, empty_database: Path, root: Path
) -> None:
    (place / "mlflow.db").write_bytes(empty_database.read_bytes())
    environ = {**slipway.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{place}/mlflow.db"}
    # The benchmarks are not installed.
    environ["PYTHONPATH"] = str(root)
    file = write_onnx(place / "small.onnx", 1)
    words = ["-m", "benchmarks.added.timed", str(place / "spans"), "add", str(file), "--no-triton"]
    done = subprocess.run([*slipway.python, *words], env=environ, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spans = msgspec.json.decode((place / "spans").read_bytes(), type=list[Span])
    assert [span.name for span in spans if not span.owner] == ["read", "inspect", "parity", "register", "publish"]
    calls = {span.name for span in spans if span.owner == MLFLOW}
    assert calls >= {"start", "log", "log_folder", "register", "set_aliases", "finish", "write_mlflow_model"}
