"""Which stack a home folder has, and whether it still runs."""

from __future__ import annotations

from pathlib import Path

import psutil

from control.stack import processes, supervisor
from control.stack.state import StackState, read_state

__all__ = ["abandoned", "running", "runs"]


def running(home: Path) -> StackState | None:
    """The stack of this home folder if its supervisor runs and somebody still wants it."""
    state = read_state(home)
    return state if state is not None and runs(state) and not abandoned(state) else None


def runs(state: StackState) -> bool:
    """Whether its supervisor runs: that very process, not another that got its number, and it answers."""
    return processes.is_alive(state.supervisor_pid, state.stack_id) and supervisor.answers(state)


def abandoned(state: StackState) -> bool:
    """Whether it was started for one command only, and that command is gone."""
    if not state.owner_pid:
        return False
    try:
        return abs(psutil.Process(state.owner_pid).create_time() - state.owner_created) > 1.0
    except psutil.NoSuchProcess:
        return True
