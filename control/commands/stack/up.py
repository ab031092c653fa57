"""`slipway up`: start the local stack."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from control.console import fail, note, print_json

if TYPE_CHECKING:
    from control.settings import StackSettings
    from control.stack.files.state import StackState
    from control.stack.survey import Survey

__all__ = ["EPILOG", "up"]

EPILOG = "Examples:  slipway up   |   slipway up --without triton   |   SLIPWAY_HTTP_PORT=0 slipway up --json"
INTERRUPTED = 128 + signal.SIGINT
REFUSED = "what to do: docs/runbooks.md, SlipwayVersionRefused"


def up(
    without: Annotated[
        list[str] | None, typer.Option(help="Leave this part out: postgres, mlflow, ray, triton, gateway.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Start only this part; repeat it for more.")] = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay; Ctrl-C or the end of the supervisor stops everything.")
    ] = False,
    is_open: Annotated[
        bool,
        typer.Option("--open", help="Let the gateway listen beyond loopback without asking who calls."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Start the local stack: PostgreSQL, MLflow, Ray, Triton and the gateway, on 127.0.0.1.

    If a part fails, it is named with the end of its log, and everything that was started is stopped again. If the
    stack is up already, the command shows it.

    Each app is served as soon as it has a version. Apps without one are trained on synthetic data in the
    background, one after the other; the command shows their progress, and a first request to try. Ctrl-C leaves
    the stack and the trainings running, and the same command shows the progress again. `slipway down` stops a
    training; nothing of it is published, and the next `slipway up` trains the app again.

    With SLIPWAY_KEY_FOLDER the gateway asks who calls, and this command shows it the key of SLIPWAY_API_KEY or
    SLIPWAY_API_KEY_FILE. Beyond loopback (SLIPWAY_HOST) it must ask, unless --open is given.

    An app that cannot be trained or served does not affect the others: it is named, and the exit code is 1.
    """
    from control.errors import StackError
    from control.settings import StackSettings
    from control.stack import liveness, parts
    from control.stack.files import lock
    from control.stack.files.layout import Layout
    from serving.kernel.settings import read

    settings = read(StackSettings)
    settings = replace(settings, open=settings.open or is_open)
    names = parts.choose(only or (), without or ())
    if "gateway" in names:
        _check_doors(settings)
    with lock.held(Layout.of(settings.home)):
        found = liveness.running(settings.home)
        signal.signal(signal.SIGTERM, _interrupt)
        if found and found.owner_pid:
            raise StackError(
                f"another slipway command (pid {found.owner_pid}) has its own stack in {found.home} until it "
                "ends; wait for it"
            )
        apps = _apps(settings, found.parts if found else names)
        state = _resume(found, apps) if found else _start(settings, names, apps)
    problems = _show(state, settings, names, as_json, is_new=found is None)
    stays = foreground and found is None
    try:
        problems += _serve_all(state, apps, "Ctrl-C stops everything" if stays else "Ctrl-C leaves it running")
        if as_json:
            _show_json(state, settings)
        if stays:
            _stay(state)
    except KeyboardInterrupt:
        if not stays:
            _say_how_to_go_on(state)
            raise typer.Exit(INTERRUPTED) from None
        _stop(state)
        return
    if problems:
        raise typer.Exit(1)


def _check_doors(settings: StackSettings) -> None:
    """Raise `SettingsError` or `StackError` before anything is started that nobody, or everybody, could ask."""
    from control import own_key
    from serving.edge.identity.exposure import check_exposure

    check_exposure(settings)
    own_key.check(settings)


def _apps(settings: StackSettings, names: tuple[str, ...]) -> Survey | None:
    """What a stack of these parts can serve; None without a gateway. Raises `StackError` when that is nothing."""
    from control.errors import StackError
    from control.stack.survey import survey

    if "gateway" not in names:
        return None
    apps = survey(settings)
    if apps.missing and not apps.ready and "mlflow" not in names:
        raise StackError(_untrainable(apps))
    return apps


def _untrainable(apps: Survey) -> str:
    return (
        f"no version to serve for: {', '.join(apps.missing)}. To train one, the stack needs the part mlflow: "
        "`slipway down`, then `slipway up` with it; or name the apps to serve in SLIPWAY_APPS"
    )


def _start(settings: StackSettings, names: tuple[str, ...], apps: Survey | None) -> StackState:
    from control.stack.progress import shown
    from control.stack.start import start

    with shown() as observer:
        return start(settings, names, observer, apps)


def _resume(state: StackState, apps: Survey | None) -> StackState:
    """A stack that runs already, with its trainer if there is something to train."""
    from control.trainings.resume import resume

    if apps is not None:
        resume(state, apps)
    return state


def _show(
    state: StackState, settings: StackSettings, names: tuple[str, ...], as_json: bool, is_new: bool
) -> list[str]:
    """The table of parts, and which of them are not ready; with `as_json` the table comes later, as JSON."""
    from control.stack import report

    rows = report.look(state, settings)
    if is_new:
        if not as_json:
            report.print_started(rows)
            spent = [f"{name} {seconds:.1f}" for name, seconds in state.seconds.items() if name != "total"]
            note(f"ready in {state.seconds['total']:.1f} s; seconds for each, side by side: {', '.join(spent)}")
        return []
    if not as_json:
        report.print_rows(rows)
    note(f"already up since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(state.started))} ({state.home})")
    lacking = [name for name in names if name not in state.parts]
    if lacking:
        note(f"it was started without {', '.join(lacking)}; to change that: slipway down, then slipway up")
    problems = report.problems(rows)
    for problem in problems:
        fail(problem)
    return problems


def _show_json(state: StackState, settings: StackSettings) -> None:
    from control.stack import report

    print_json(report.as_json(state, report.look(state, settings)))


def _serve_all(state: StackState, apps: Survey | None, hint: str) -> list[str]:
    """Show a first request, and follow the trainings until every app answers; returns what is not served."""
    from control.stack.programs import probes
    from control.trainings.follow import Follower

    if apps is None:
        return []
    refused = {app: why for app, why in probes.refused(f"http://{state.http}").items() if app in apps.ready}
    problems = [f"the gateway refuses {why}\n  {REFUSED}" for why in refused.values()] + list(apps.broken)
    if apps.missing and not state.can_train:
        problems.append(_untrainable(apps))
    for problem in problems:
        fail(problem)
    request = _FirstRequest(state, apps)
    request.show(*(app for app in apps.ready if app not in refused))
    if apps.missing and state.can_train:
        problems += Follower(state, request.show, hint).follow()
    return problems


class _FirstRequest:
    """Shows one request that works, as soon as there is one."""

    def __init__(self, state: StackState, apps: Survey) -> None:
        self._http = state.http
        self._packages = apps.names
        self._shown = False

    def show(self, *answering: str) -> None:
        """Show a request to one of these apps, unless one was shown."""
        from control.trainings.first_request import first_request

        if answering and not self._shown:
            command = first_request(self._http, self._packages, answering)
            if command:
                note(f"a first request:\n\n  {command}\n")
                self._shown = True


def _say_how_to_go_on(state: StackState) -> None:
    from control.stack.files.ledger import Ledger

    left = ", ".join(one.app for one in Ledger(state.layout, state.stack_id).read().of("waiting", "training"))
    note(
        f"\nThe stack goes on running, and so does the training of: {left or 'nothing more'}.\n"
        "  slipway up             show the progress again\n"
        "  slipway status         show what runs and what is being trained\n"
        "  slipway logs trainer   show the log of the trainings\n"
        "  slipway down           stop everything; the next `slipway up` trains what is missing"
    )


def _stay(state: StackState) -> None:
    """Return when the supervisor ends, which `slipway down` does; Ctrl-C and SIGTERM raise `KeyboardInterrupt`."""
    from control.errors import StackError
    from control.stack import liveness
    from control.stack.files import lock
    from control.stack.files.state import read_state
    from control.stack.stop import stop

    note("Ctrl-C stops it")
    while liveness.runs(state):
        time.sleep(0.5)
    # `slipway down` ends the supervisor first and forgets the stack last: wait until it is through.
    with lock.held(state.layout, wait=True):
        now = read_state(state.layout.home)
        if now is not None and now.stack_id == state.stack_id:
            stop(state)
            raise StackError("the supervisor ended; everything else was stopped")
    note("stopped by slipway down")


def _stop(state: StackState) -> None:
    """Stop a stack that was started to live as long as this command."""
    from control.stack.files import lock
    from control.stack.files.state import read_state
    from control.stack.stop import stop

    note("stopping")
    with lock.held(state.layout, wait=True):
        now = read_state(state.layout.home)
        if now is not None and now.stack_id == state.stack_id:
            stop(state)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
