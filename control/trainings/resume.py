"""Start the trainer of a stack that runs already."""

from __future__ import annotations

from control.stack import supervisor
from control.stack.files.ledger import Ledger
from control.stack.files.state import StackState
from control.stack.parts import TRAINER
from control.stack.survey import Survey

__all__ = ["resume"]


def resume(state: StackState, apps: Survey) -> None:
    """Let the trainer train what is missing, unless it does already or the stack cannot train.

    An app whose training failed is tried again.
    """
    if apps.missing and state.can_train and not supervisor.runs(state, TRAINER):
        Ledger(state.layout, state.stack_id).plan(apps.missing)
        supervisor.call(state, "startProcess", TRAINER, False)
