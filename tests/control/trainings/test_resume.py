from __future__ import annotations

from collections.abc import Callable

import msgspec

from control.stack import supervisor
from control.stack.files.ledger import Ledger
from control.stack.files.state import StackState
from control.stack.parts import TRAINER
from control.stack.survey import Survey
from control.trainings.resume import resume

MISSING = Survey(names=("a", "b"), ready=("b",), missing=("a",))


def test_it_starts_once_and_tries_again_what_failed(
    supervise: Callable[[str], StackState], wait_until: Callable[..., None]
) -> None:
    state = supervise("time.sleep(1); raise ValueError('bad')")
    ledger = Ledger(state.layout, state.stack_id)
    resume(state, MISSING)
    assert supervisor.runs(state, TRAINER)
    wait_until(lambda: ledger.read().of("training"))
    running = ledger.read()
    resume(state, MISSING)
    assert ledger.read().apps[0].started == running.apps[0].started, "it runs already"
    wait_until(lambda: not supervisor.runs(state, TRAINER))
    assert ledger.read().apps[0].reason == "bad"
    resume(state, MISSING)
    assert supervisor.runs(state, TRAINER) and not ledger.read().of("failed")


def test_nothing_to_train_or_nothing_to_train_with(supervise: Callable[[str], StackState]) -> None:
    state = supervise("return 1")
    resume(state, Survey(names=("b",), ready=("b",)))
    resume(msgspec.structs.replace(state, parts=("ray", "gateway")), MISSING)
    assert not supervisor.runs(state, TRAINER)
    assert Ledger(state.layout, state.stack_id).read().apps == ()
