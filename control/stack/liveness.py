"""Find the stack of a home folder, and tell whether it is still running."""

from __future__ import annotations

from pathlib import Path

import psutil

from control.stack import processes, supervisor
from control.stack.files.state import StackState, read_state

__all__ = ["abandoned", "running", "runs"]


def running(home: Path) -> StackState | None:
    """The stack of this home folder, if its supervisor is running and the stack is not abandoned."""
    state = read_state(home)
    return state if state is not None and runs(state) and not abandoned(state) else None


def runs(state: StackState) -> bool:
    """Whether the stack's supervisor is alive and answers. A process that reuses its pid does not count."""
    return processes.is_alive(state.supervisor_pid, state.stack_id) and supervisor.answers(state)


def abandoned(state: StackState) -> bool:
    """Whether the stack was started for one command that has ended."""
    if not state.owner_pid:
        return False
    try:
        return abs(psutil.Process(state.owner_pid).create_time() - state.owner_created) > 1.0
    except psutil.NoSuchProcess:
        return True
