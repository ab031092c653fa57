from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from control.stack import supervisor
from control.stack.files.layout import Layout
from control.stack.files.ledger import Ledger, Trainings
from control.stack.files.state import StackState
from control.stack.parts import TRAINER
from control.trainings.trainer import KILLED, LedgerProgress, work
from training.errors import DataError
from training.progress import RichProgress


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    ledger = Ledger(Layout(tmp_path), "this")
    ledger.plan(("a", "b", "c"))
    seen: list[Trainings] = []

    def train(app: str, progress: RichProgress) -> int:
        with progress.step("fit"):
            seen.append(ledger.read())
        if app == "b":
            raise DataError("no rows\nof any kind")
        return 5

    assert work(ledger, train) == 1
    a, b, c = ledger.read().apps
    assert (a.state, a.version, c.state, c.version) == ("trained", 5, "trained", 5)
    assert (b.state, b.version, b.reason) == ("failed", 0, "no rows")
    assert [[(one.state, one.step) for one in found.apps][1] for found in seen] == [
        ("waiting", ""),
        ("training", "fit"),
        ("failed", ""),
    ]
    ledger.plan(("c",))
    assert work(ledger, lambda app, progress: 6) == 0


def test_steps_and_rounds_reach_the_ledger_and_the_log() -> None:
    told: list[str] = []
    log = io.StringIO()
    progress = LedgerProgress(Console(file=log), told.append)
    with progress.step("fit"):
        for done in range(1000):
            progress.advance(done, 1000)
    assert told[:2] == ["fit", "fit 0/1000"]
    assert len(told) < 100, "not each of many rounds"
    assert "fit" in log.getvalue()


def test_a_killed_trainer_goes_on_without_the_app_that_killed_it(
    supervise: Callable[[str], StackState], wait_until: Callable[..., None]
) -> None:
    state = supervise("os.kill(os.getpid(), signal.SIGKILL) if app == 'a' else None; return 7")
    ledger = Ledger(state.layout, state.stack_id)
    ledger.plan(("a", "b"))
    supervisor.call(state, "startProcess", TRAINER, False)
    wait_until(lambda: not ledger.read().of("waiting", "training"))
    a, b = ledger.read().apps
    assert (a.state, a.reason, b.state, b.version) == ("failed", KILLED, "trained", 7)
    wait_until(lambda: not supervisor.runs(state, TRAINER))


def test_a_stopped_trainer_leaves_its_app_to_the_next(
    supervise: Callable[[str], StackState], wait_until: Callable[..., None]
) -> None:
    state = supervise("time.sleep(100)")
    ledger = Ledger(state.layout, state.stack_id)
    ledger.plan(("a", "b"))
    supervisor.call(state, "startProcess", TRAINER, False)
    wait_until(lambda: ledger.read().of("training"))
    assert supervisor.runs(state, TRAINER)
    supervisor.call(state, "stopProcess", TRAINER)
    assert [one.state for one in ledger.read().apps] == ["waiting", "waiting"]
    assert not supervisor.runs(state, TRAINER)
    assert "a: stopped; nothing was published" in state.layout.log(TRAINER).read_text()
