from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from control.stack.files.state import read_state
from tests.processes import command_line

SCRIPT = """
import sys
from pathlib import Path
from benchmarks.setup.place import Place
from benchmarks.setup.servers import Start, Subject, running

def answers(launch):
    print(launch.folder, flush=True)
    return False

command = [sys.executable, "-m", "control", "up", "--only", "postgres"]
start = Start(lambda launch: command, lambda launch: {"SLIPWAY_HOME": str(launch.folder)}, is_stack=True)
subject = Subject(python=Path(sys.executable), model=Path("none"), name="none", threads=1)
with running(start, subject, Place(Path(sys.argv[1])), Path(sys.argv[1]) / "log", answers):
    pass
"""


def of_home(home: Path) -> list[psutil.Process]:
    """The processes of a stack in that home folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SLIPWAY_HOME") == str(home) or str(home) in command_line(process):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_start_leaves_no_stack(root: Path, tmp_path: Path, times: int) -> None:
    """Ctrl-C in a terminal goes to the whole group of processes, and is pressed again when nothing happens."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ) as process:
        assert process.stdout is not None
        home = Path(process.stdout.readline().decode().strip())
        while read_state(home) is None or not of_home(home):
            time.sleep(0.02)
        for _ in range(times):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.5)
        process.stdout.read()
        process.wait()
    left = of_home(home)
    try:
        assert [command_line(process) for process in left] == []
        assert not home.exists()
    finally:
        for process in left:
            process.kill()
