from __future__ import annotations

import io

import pytest
from rich.console import Console

from training.progress import RichProgress, Silent


def test_times_are_kept_and_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Silent()
    with progress.step("fit"):
        progress.advance(1, 2, "mae 1")
        progress.log("hello")
    assert list(progress.times) == ["fit"]
    assert capsys.readouterr() == ("", "")


def test_every_step_leaves_a_line() -> None:
    out = io.StringIO()
    progress = RichProgress(Console(file=out, width=80))
    with progress.step("load"):
        progress.log("[3] rows")
        progress.advance(1, 2, "mae 1")
    with pytest.raises(ZeroDivisionError), progress.step("fit"):
        _ = 1 / 0
    text = out.getvalue()
    assert "✓ load" in text
    assert "[3] rows" in text
    assert "✗ fit" in text
