from __future__ import annotations

import json
import os
import signal

import pytest

from control.stack import processes
from tests.control.conftest import Slipway


def test_nothing_was_running(slipway: Slipway) -> None:
    assert slipway.run("down").stderr == "nothing was running\n"
    assert not slipway.home.exists()
    document = json.loads(slipway.run("down", "--json").stdout)
    assert document == {"was_running": False, "killed": 0, "message": "nothing was running"}


@pytest.mark.usefixtures("kept_database")
def test_twice(slipway: Slipway) -> None:
    slipway.run("up", "--only", "postgres")
    assert slipway.run("down").stderr == "stopped postgres\n"
    again = slipway.run("down")
    assert (again.returncode, again.stderr) == (0, "nothing was running\n")


@pytest.mark.usefixtures("kept_database")
def test_orphans_of_a_killed_supervisor(slipway: Slipway) -> None:
    slipway.run("up", "--only", "postgres")
    state = slipway.state()
    assert state is not None
    everything = processes.marked(state.stack_id)
    os.kill(state.supervisor_pid, signal.SIGKILL)
    done = slipway.run("down")
    assert done.returncode == 0
    assert done.stderr.startswith("stopped postgres; killed ")
    assert not any(processes.lives(process) for process in everything)
    assert slipway.left() == []


@pytest.mark.usefixtures("kept_database")
def test_a_stack_that_ended_long_ago(slipway: Slipway) -> None:
    slipway.run("up", "--only", "postgres")
    text = (slipway.home / "state.json").read_text()
    slipway.run("down")
    (slipway.home / "state.json").write_text(text)
    done = slipway.run("down")
    assert done.stderr == "nothing was running; cleaned up after a stack that had ended\n"
    assert not (slipway.home / "state.json").exists()
