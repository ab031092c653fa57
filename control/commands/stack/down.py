"""`slipway down`: stop the local stack."""

from __future__ import annotations

from typing import Annotated

import typer

from control.console import note, print_json

__all__ = ["EPILOG", "down"]

EPILOG = "Example:  slipway down"


def down(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False) -> None:
    """Stop every process of the local stack and remove its sockets. Data and logs stay.

    The command also cleans up after a stack whose supervisor was killed or whose machine was restarted.
    """
    from control.settings import StackSettings
    from control.stack import liveness
    from control.stack.files import lock
    from control.stack.files.layout import Layout
    from control.stack.files.state import read_state
    from control.stack.stop import stop
    from serving.kernel.settings import read

    layout = Layout.of(read(StackSettings).home)
    if not layout.home.exists():
        _say("nothing was running", as_json, was_running=False, killed=0)
        return
    with lock.held(layout):
        state = read_state(layout.home)
        if state is None:
            _say("nothing was running", as_json, was_running=False, killed=0)
            return
        alive = liveness.runs(state)
        killed = stop(state)
    if not alive and not killed:
        _say("nothing was running; cleaned up after a stack that had ended", as_json, was_running=False, killed=0)
        return
    left = f"; killed {killed} remaining processes" if killed else ""
    _say(f"stopped {', '.join(reversed(state.parts))}{left}", as_json, was_running=True, killed=killed)


def _say(text: str, as_json: bool, **values: object) -> None:
    print_json({**values, "message": text}) if as_json else note(text)
