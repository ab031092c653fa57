from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from control.settings import StackSettings
from control.stack import report
from tests.control.stack.files.test_state import make


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (3600, "1 h 0 min"), (90061, "1 d 1 h")],
)
def test_durations(seconds: float, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    row = report.Row("ray", "ready", 7, "127.0.0.1:1", seconds, 0, 2**20, 1.0, "", "/log")
    report.print_rows([row])
    report.print_rows([replace(row, detail="this and that")])
    shown = capsys.readouterr().out
    assert text in shown and "127.0.0.1:1 (this and that)" in shown


def test_without_a_supervisor_everything_is_stopped(settings: StackSettings, place: Path) -> None:
    state = make(place / "h", ("postgres", "mlflow", "triton"))
    log = state.layout.log("mlflow")
    log.parent.mkdir()
    log.write_text("first\nlast\n")
    rows = report.look(state, settings)
    assert [row.state for row in rows] == ["stopped"] * 3
    assert not report.as_json(state, rows)["ready"]
    assert report.problems(rows)[1] == f"mlflow is stopped\nlog: {log}\n  | first\n  | last"
