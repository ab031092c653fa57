"""`slipway status`: show the parts of the local stack."""

from __future__ import annotations

from typing import Annotated

import typer

from control.console import fail, note, print_json

__all__ = ["EPILOG", "status"]

EPILOG = "Examples:  slipway status   |   slipway status --json"


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show every part: state, process, address, uptime, restarts, memory; and the trainings behind the gateway.

    The exit code is 0 if all parts are ready and no training failed. It is 1 if the stack is not running, if a
    part is not ready (the command then shows the end of that part's log), or if a training failed (the command
    then shows the reason).
    """
    from control.settings import StackSettings
    from control.stack import liveness, report
    from control.stack.files.state import read_state
    from serving.kernel.settings import read

    settings = read(StackSettings)
    state = read_state(settings.home)
    if state is None:
        print_json({"ready": False, "parts": []}) if as_json else note(
            "the stack is not running; `slipway up` starts it"
        )
        raise typer.Exit(1)
    rows = report.look(state, settings)
    print_json(report.as_json(state, rows)) if as_json else report.print_rows(rows)
    if not liveness.runs(state):
        fail("the supervisor of this stack is gone; `slipway down` cleans up")
        raise typer.Exit(1)
    if not as_json:
        report.print_trainings(state)
    problems = report.problems(rows) + report.failed_trainings(state) + report.interrupted_trainings(state)
    for problem in problems:
        fail(problem)
    if problems:
        raise typer.Exit(1)
