"""`slipway up`: start the local stack."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from control.console import fail, note, print_json

if TYPE_CHECKING:
    from control.settings import StackSettings
    from control.stack.progress import Lines, Screen
    from control.stack.state import StackState

__all__ = ["EPILOG", "up"]

EPILOG = "Examples:  slipway up   |   slipway up --without triton   |   SLIPWAY_HTTP_PORT=0 slipway up --json"


def up(
    without: Annotated[
        list[str] | None, typer.Option(help="Leave this part out: postgres, mlflow, ray, triton, gateway.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Start this part; give it again for more.")] = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay; Ctrl-C or the end of a part's supervisor stops everything.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Start the local stack: PostgreSQL, MLflow, Ray, Triton and the gateway, on 127.0.0.1.

    Trains what has no version yet before the gateway starts. Returns when every part is ready; a part that fails
    is named with the end of its log, and everything that was started is stopped again. When the stack is up
    already, shows it.
    """
    from control.settings import StackSettings
    from control.stack import find, lock, parts
    from control.stack.layout import Layout
    from serving.kernel.settings import read

    settings = read(StackSettings)
    names = parts.choose(only or (), without or ())
    with lock.held(Layout.of(settings.home)):
        state = find.running(settings.home)
        if state is not None:
            _show_running(state, settings, names, as_json)
            return
        signal.signal(signal.SIGTERM, _interrupt)
        state = _start(settings, names)
        _show(state, settings, as_json)
    if foreground:
        _stay(state)


def _start(settings: StackSettings, names: tuple[str, ...]) -> StackState:
    from control.stack import bootstrap
    from control.stack.progress import shown
    from control.stack.start import start

    with shown() as observer:

        def train(state: StackState) -> None:
            _train(settings, state, observer)

        missing = "gateway" in names and bootstrap.missing_apps(settings)
        return start(settings, names, observer, train if missing else None)


def _train(settings: StackSettings, state: StackState, observer: Lines | Screen) -> None:
    from control.stack import bootstrap

    with observer.paused():
        bootstrap.train_missing(settings, state)


def _show(state: StackState, settings: StackSettings, as_json: bool) -> None:
    from control.stack import report

    rows = report.look(state, settings)
    if as_json:
        print_json(report.as_json(state, rows))
        return
    report.print_started(rows)
    spent = [f"{name} {seconds:.1f}" for name, seconds in state.seconds.items() if name != "total"]
    note(f"ready in {state.seconds['total']:.1f} s; seconds for each, side by side: {', '.join(spent)}")


def _show_running(state: StackState, settings: StackSettings, names: tuple[str, ...], as_json: bool) -> None:
    from control.errors import StackError
    from control.stack import report

    if state.owner_pid:
        raise StackError(
            f"another slipway command (pid {state.owner_pid}) has its own stack in {state.home} until it ends; "
            "wait for it"
        )
    rows = report.look(state, settings)
    if as_json:
        print_json(report.as_json(state, rows))
    else:
        report.print_rows(rows)
    note(f"already up since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(state.started))} ({state.home})")
    lacking = [name for name in names if name not in state.parts]
    if lacking:
        note(f"it was started without {', '.join(lacking)}; to change that: slipway down, then slipway up")
    problems = report.problems(rows)
    for problem in problems:
        fail(problem)
    if problems:
        raise typer.Exit(1)


def _stay(state: StackState) -> None:
    """Until Ctrl-C, SIGTERM or the end of the supervisor."""
    from control.errors import StackError
    from control.stack import find, lock
    from control.stack.state import read_state
    from control.stack.stop import stop

    note("Ctrl-C stops it")
    asked = False
    try:
        while find.runs(state):
            time.sleep(0.5)
    except KeyboardInterrupt:
        asked = True
        note("stopping")
    # `slipway down` ends the supervisor first and forgets the stack last: wait until it is through.
    with lock.held(state.layout, wait=True):
        now = read_state(state.layout.home)
        left = now is not None and now.stack_id == state.stack_id
        if left:
            stop(state)
    if left and not asked:
        raise StackError("the supervisor ended; everything else was stopped")
    if not asked:
        note("stopped by slipway down")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
