"""A stack for the duration of one command, if none is running."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from control.errors import StackError
from control.settings import PORTS, StackSettings
from control.stack import liveness, parts
from control.stack.files import lock
from control.stack.files.layout import Layout
from control.stack.files.state import StackState
from control.stack.guardian import guarded
from control.stack.progress import Lines
from control.stack.start import Observer, start
from control.stack.stop import stop

__all__ = ["ensure"]


@contextmanager
def ensure(
    settings: StackSettings, needed: Collection[str] = ("postgres", "mlflow"), observer: Observer | None = None
) -> Iterator[StackState]:
    """Yield the running stack, or start one with only these parts, on free ports, and stop it after the block.

    The stack is stopped even if this process is killed.
    Raises `StackError` when a stack runs without one of them.
    """
    found = liveness.running(settings.home)
    if found is not None:
        _check(found, needed)
        yield found
        return
    ports: dict[str, Any] = {name: 0 for names in PORTS.values() for name in names}
    layout = Layout.of(settings.home)
    names = parts.choose(only=needed)
    with guarded(layout.home):
        with lock.held(layout):
            state = start(replace(settings, **ports), names, observer or Lines(), temporary=True)
        try:
            yield state
        finally:
            with lock.held(layout):
                stop(state)


def _check(state: StackState, needed: Collection[str]) -> None:
    if state.owner_pid:
        raise StackError(
            f"another slipway command (pid {state.owner_pid}) has its own stack in {state.home}; wait for it"
        )
    lacking = [name for name in needed if name not in state.parts]
    if lacking:
        raise StackError(
            f"the running stack was started without {', '.join(lacking)}: `slipway down`, then `slipway up`"
        )
