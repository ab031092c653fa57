from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from control.errors import StackError
from control.stack import supervisor
from control.stack.files.ledger import Ledger
from control.stack.files.state import StackState
from control.stack.parts import TRAINER
from control.stack.stop import stop
from control.trainings import follow
from control.trainings.follow import Follower
from tests.control.trainings.conftest import Gateway

Supervise = Callable[[str], StackState]


def begin(state: StackState, *apps: str) -> Ledger:
    ledger = Ledger(state.layout, state.stack_id)
    ledger.plan(apps)
    supervisor.call(state, "startProcess", TRAINER, False)
    return ledger


def test_each_app_is_told_when_it_answers_and_each_failure(
    supervise: Supervise, gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.answers = {"a"}
    gateway.rows = [{"name": "c", "version": "3", "state": "UNAVAILABLE", "reason": "golden rows differ"}]
    state = supervise("time.sleep(1); return {'a': 1, 'c': 3}[app]")
    begin(state, "a", "b", "c")
    answered: list[str] = []
    failures = Follower(state, answered.append, "Ctrl-C leaves it running").follow()
    said = capsys.readouterr().err
    assert answered == ["a"]
    assert "training a (1 of 3)" in said and "training c (3 of 3)" in said
    assert "a version 1 answers; its training took 1 s (1 of 3)" in said
    assert [failure.splitlines()[0] for failure in failures] == [
        "b could not be trained: 'b'",
        "the gateway refuses c 3: golden rows differ",
    ]
    assert all(failure in said for failure in failures)


def test_a_version_that_the_gateway_never_serves(
    supervise: Supervise, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOAD_SECONDS", 0.5)
    state = supervise("return 4")
    begin(state, "a")
    (failure,) = Follower(state, print, "").follow()
    assert "a version 4 is published, but the gateway does not serve it" in failure


def test_a_trainer_that_cannot_start(supervise: Supervise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "ENDED_SECONDS", 0.5)
    state = supervise("no python")
    begin(state, "a", "b")
    with pytest.raises(StackError, match=r"the trainer ended before it trained a, b.*(?s:\n.*SyntaxError)"):
        Follower(state, print, "").follow()


@pytest.mark.parametrize("what", ["trainer", "stack"])
def test_what_is_stopped_meanwhile(supervise: Supervise, what: str, wait_until: Callable[..., None]) -> None:
    state = supervise("time.sleep(100)")
    ledger = begin(state, "a")

    def end() -> None:
        wait_until(lambda: ledger.read().of("training"))
        supervisor.call(state, "stopProcess", TRAINER) if what == "trainer" else stop(state)

    thread = threading.Thread(target=end)
    thread.start()
    with pytest.raises(StackError, match=r"was stopped; `slipway up` .*trains what is missing \(a\)"):
        Follower(state, print, "").follow()
    thread.join()


def test_a_terminal_shows_one_line_that_changes(
    supervise: Supervise, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=120, highlight=False)
    monkeypatch.setattr(follow, "stderr", lambda: screen)
    gateway.answers = {"a"}
    state = supervise("time.sleep(1); return 2")
    begin(state, "a")
    assert Follower(state, print, "Ctrl-C leaves it running").follow() == []
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "training a (1 of 1)" in text and "Ctrl-C leaves it running" in text
    assert "a version 2 answers" in text
