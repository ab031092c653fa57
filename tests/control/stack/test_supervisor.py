from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from control.errors import StackError
from control.stack import supervisor
from control.stack.files.layout import Layout, make_run_folder
from control.stack.files.state import StackState
from control.stack.parts import Part
from control.stack.stop import stop

SHOW = (
    "import json, os, sys, time; "
    "print(json.dumps([sys.argv[1:], os.environ['VALUE']]), flush=True); "
    "time.sleep(60)"
)
AWKWARD = """a 'b' "c" %(x)s ${y} \\z"""


@pytest.fixture
def state(place: Path) -> Iterator[StackState]:
    layout = Layout.of(place / "ho me")
    layout.make()
    made = StackState(
        stack_id=f"of-this-test-{uuid.uuid4().hex}",
        home=str(layout.home),
        run=str(make_run_folder(layout, "of-this-test")),
        model_repository="",
        parts=(),
        ports={},
        started=time.time(),
    )
    yield made
    stop(made)


def part(name: str, *command: str, **environment: str) -> Part:
    return Part(name=name, command=list(command), address="", ready=lambda: True, environment=environment)


def test_arguments_and_environment_arrive_unchanged(state: StackState, wait_until: Callable[..., None]) -> None:
    echo = part("echo", sys.executable, "-c", SHOW, AWKWARD, "", VALUE=AWKWARD)
    supervisor.launch(state, [echo], {"PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "error"})
    assert supervisor.programs(state)["echo"].state == "STOPPED"
    supervisor.call(state, "startProcess", "echo", False)
    log = state.layout.log("echo")
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    assert json.loads(log.read_text()) == [[AWKWARD, ""], AWKWARD]


def test_how_a_program_ended_is_known(state: StackState, wait_until: Callable[..., None]) -> None:
    supervisor.launch(state, [part("bad", sys.executable, "-c", "exit(7)")], {"PATH": "/usr/bin:/bin"})
    supervisor.call(state, "startProcess", "bad", False)
    wait_until(lambda: supervisor.programs(state)["bad"].restarts >= 1)
    assert supervisor.programs(state)["bad"].last_end == "exit status 7"
    wait_until(lambda: supervisor.programs(state)["bad"].state == "BACKOFF")


def test_a_supervisor_that_is_not_there(state: StackState) -> None:
    assert not supervisor.answers(state)
    with pytest.raises(StackError, match="does not answer"):
        supervisor.programs(state)


def test_a_refusal_is_told(state: StackState) -> None:
    supervisor.launch(state, [], {"PATH": "/usr/bin:/bin"})
    with pytest.raises(StackError, match="BAD_NAME"):
        supervisor.call(state, "startProcess", "nothing")


def test_a_configuration_that_it_refuses(state: StackState) -> None:
    bad = Part(name="bad", command=["x"], address="", ready=lambda: True, stop_signal="NOSUCH")
    with pytest.raises(StackError, match="NOSUCH"):
        supervisor.launch(state, [bad], {"PATH": "/usr/bin:/bin"})
