"""Watch the trainings behind the gateway until each version answers: live on a terminal, by lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from rich.console import Console
from rich.status import Status

from control.console import stderr
from control.errors import StackError
from control.stack import liveness, supervisor
from control.stack.files.ledger import Ledger, Training, Trainings, failure
from control.stack.files.logs import tail
from control.stack.files.state import StackState
from control.stack.parts import TRAINER
from control.stack.programs import probes

__all__ = ["Follower"]

LOOK_SECONDS = 0.5
SAY_SECONDS = 10.0
"""How often a line tells the progress where there is no terminal."""
ENDED_SECONDS = 5.0
"""supervisord starts a trainer that was killed again within a second or two."""
LOAD_SECONDS = 60.0
"""How long the gateway may take to load a version that was published."""


class Follower:
    """Follows one stack's ledger.

    `answered` is called with an app's name when its new version answers; `hint` says what Ctrl-C does.
    """

    def __init__(self, state: StackState, answered: Callable[[str], None], hint: str) -> None:
        self._state = state
        self._url = f"http://{state.http}"
        self._ledger = Ledger(state.layout, state.stack_id)
        self._answered = answered
        self._hint = hint
        self._console: Console = stderr()
        self._settled: set[str] = set()
        self._failures: list[str] = []
        self._ended_at: float | None = None

    def follow(self) -> list[str]:
        """Return when every training has ended and every trained app answers; what failed is returned as texts.

        Raises `StackError` when the trainer ends early or the stack is stopped.
        """
        live = self._console.status("") if self._console.is_terminal else nullcontext()
        with live as status:
            said, said_at = "", 0.0
            while True:
                now = self._ledger.read()
                for one in now.of("trained", "failed"):
                    self._settle(one, now)
                if len(self._settled) == len(now.apps):
                    return self._failures
                self._check_trainer(now)
                line = _line(now)
                if isinstance(status, Status):
                    status.update(f"{line}; {self._hint}")
                elif _app(line) != _app(said) or time.monotonic() - said_at > SAY_SECONDS:
                    self._say(line)
                    said, said_at = line, time.monotonic()
                time.sleep(LOOK_SECONDS)

    def _settle(self, one: Training, now: Trainings) -> None:
        """Tell once how a training ended: when its version answers, or why it does not."""
        if one.app in self._settled:
            return
        if one.state == "failed":
            self._fail(one.app, failure(one, self._state.layout.log(TRAINER)))
        elif probes.answers(self._url, one.app):
            self._settled.add(one.app)
            done = f"{len(self._settled)} of {len(now.apps)}"
            self._say(f"{one.app} version {one.version} answers; its training took {one.seconds:.0f} s ({done})")
            self._answered(one.app)
        elif why := probes.refused(self._url).get(one.app):
            self._fail(one.app, f"the gateway refuses {why}")
        elif time.time() - one.started - one.seconds > LOAD_SECONDS:
            self._fail(
                one.app, f"{one.app} version {one.version} is published, but the gateway does not serve it yet"
            )

    def _check_trainer(self, now: Trainings) -> None:
        """Raise `StackError` if nobody works on what is left."""
        left = ", ".join(one.app for one in now.of("waiting", "training"))
        if not liveness.runs(self._state):
            raise StackError(
                f"the stack was stopped; `slipway up` starts it again and trains what is missing ({left})"
            )
        if not left:
            return
        state = supervisor.programs(self._state)[TRAINER].state
        if state == "STOPPED":
            raise StackError(f"the trainer was stopped; `slipway up` trains what is missing ({left})")
        if state not in {"EXITED", "FATAL"}:
            self._ended_at = None
        elif self._ended_at is None:
            self._ended_at = time.monotonic()
        elif time.monotonic() - self._ended_at > ENDED_SECONDS:
            log = self._state.layout.log(TRAINER)
            lines = "\n".join(f"  | {line}" for line in tail(log).splitlines())
            raise StackError(
                f"the trainer ended before it trained {left}; `slipway up` tries again\nlog: {log}\n{lines}"
            )

    def _fail(self, app: str, text: str) -> None:
        self._settled.add(app)
        self._failures.append(text)
        self._say(text)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


def _line(now: Trainings) -> str:
    done = len(now.of("trained", "failed"))
    for one in now.of("training"):
        step = f": {one.step}" if one.step else ""
        return f"training {one.app} ({done + 1} of {len(now.apps)}){step}, {one.age():.0f} s"
    return "starting the trainer" if now.of("waiting") else "loading what was trained"


def _app(line: str) -> str:
    return line.partition(")")[0]
