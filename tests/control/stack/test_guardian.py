from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from control.stack import processes
from control.stack.files.state import read_state
from control.stack.guardian import main

SCRIPT = """
import sys, time
from pathlib import Path
from control.settings import StackSettings
from control.stack.temporary_stack import ensure
place = Path(sys.argv[1])
with ensure(StackSettings(home=place / "home", model_repository=place / "models"), ["postgres"]):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["while it starts", "while it is used"])
def test_a_killed_command_takes_its_stack_with_it(
    root: Path, place: Path, when: str, wait_until: Callable[..., None]
) -> None:
    home = place / "home"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(place)], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        if when == "while it is used":
            assert process.stdout.readline() == b"up\n"
        else:
            wait_until(lambda: (state := read_state(home)) is not None and processes.marked(state.stack_id))
        state = read_state(home)
        assert state is not None
        process.kill()
    wait_until(lambda: read_state(home) is None)
    assert processes.marked(state.stack_id) == []
    assert not state.run_folder.exists()


def test_it_makes_nothing_where_there_is_no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/null").open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        main(tmp_path / "home", 1)
    assert not (tmp_path / "home").exists()
