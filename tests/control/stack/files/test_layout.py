from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from control.stack.files.layout import LONGEST_RUN, Layout, make_run_folder, remove_run_folder


def test_a_relative_home_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Layout.of(Path("x")).home == tmp_path / "x"


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a%b", "a;b", "a#b", "a\nb"])
def test_names_that_a_configuration_file_cannot_carry_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="SLIPWAY_HOME"):
        Layout.of(tmp_path / name)


@pytest.mark.parametrize("length", [10, 120, 230])
def test_the_run_folder_is_short_whatever_the_home(tmp_path: Path, length: int) -> None:
    layout = Layout.of(tmp_path / ("h" * length))
    layout.make()
    run = make_run_folder(layout, "mine")
    try:
        assert len(str(run)) <= LONGEST_RUN
        assert stat.S_IMODE(run.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
        assert {stat.S_IMODE(path.stat().st_mode) for path in (layout.home, layout.logs, layout.artifacts)} == {
            0o700
        }
        assert stat.S_IMODE((run / "stack_id").stat().st_mode) == 0o600
        remove_run_folder(run, "of another stack")
        assert run.exists()
    finally:
        remove_run_folder(run, "mine")
    assert not run.exists()


def test_a_short_home_keeps_its_sockets_inside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("control.stack.files.layout.LONGEST_RUN", 200)
    layout = Layout.of(tmp_path / "h")
    layout.make()
    old = layout.home / "run" / "old.sock"
    old.parent.mkdir()
    old.touch()
    assert make_run_folder(layout, "mine") == layout.home / "run"
    assert not old.exists()


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_run_folder(tmp_path / "nothing", "mine")
