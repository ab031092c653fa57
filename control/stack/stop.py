"""Stop a stack. Only its data and its logs remain."""

from __future__ import annotations

import time
from collections.abc import Sequence

from control.errors import StackError
from control.stack import processes, supervisor
from control.stack.files.layout import remove_run_folder
from control.stack.files.state import StackState, remove_state

__all__ = ["stop"]

WAVES = (("trainer",), ("gateway",), ("mlflow", "ray", "triton"), ("postgres",))
"""The order of stopping: no part loses a part that it needs."""
WAVE_SECONDS = 35.0
SHUTDOWN_SECONDS = 15.0
STOPPED = frozenset({"STOPPED", "EXITED", "FATAL"})


def stop(state: StackState) -> int:
    """Stop every process of this stack. Returns the number of processes that had to be ended by pid.

    This also works if the supervisor is gone, or if no process of the stack is running. The data are kept.
    """
    # Find them while they still have parents: Ray's workers overwrite the mark in their environment.
    known = processes.marked(state.stack_id)
    try:
        for wave in WAVES:
            _stop_wave(state, wave)
        supervisor.call(state, "shutdown")
        _wait_for_end(state)
        ended = processes.end_all(state.stack_id, known)
    except StackError:
        # supervisord is gone or ended meanwhile, so its processes have to be ended here.
        ended = processes.end(known) + processes.end_all(state.stack_id)
    remove_run_folder(state.run_folder, state.stack_id)
    remove_state(state.layout)
    return ended


def _stop_wave(state: StackState, names: Sequence[str]) -> None:
    known = supervisor.programs(state)
    names = [name for name in names if name in known and known[name].state not in STOPPED]
    for name in names:
        supervisor.call(state, "stopProcess", name, False)
    if names:
        supervisor.wait_for(state, names, STOPPED, WAVE_SECONDS)


def _wait_for_end(state: StackState) -> None:
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    while processes.is_alive(state.supervisor_pid, state.stack_id) and time.monotonic() < deadline:
        time.sleep(0.03)
