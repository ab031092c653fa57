"""Start a stack: each part when the parts it needs are ready. If a part fails, everything is stopped again."""

from __future__ import annotations

import os
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import psutil

from control.errors import PartFailed
from control.settings import StackSettings
from control.stack import ports, supervisor
from control.stack.files.layout import Layout, make_run_folder
from control.stack.files.ledger import Ledger
from control.stack.files.logs import set_aside, tail
from control.stack.files.state import COLLECTIONS, StackState, read_state, write_state
from control.stack.parts import TRAINER, Part, build, trainer
from control.stack.stop import stop
from control.stack.survey import Survey

__all__ = ["Observer", "start"]

DEAD = frozenset({"BACKOFF", "EXITED", "FATAL", "UNKNOWN"})
LOOK_SECONDS = 0.2


class Observer(Protocol):
    """Receives the progress of a start."""

    def planned(self, names: Iterable[str]) -> None:
        """These parts are going to be started."""

    def started(self, name: str) -> None:
        """A part was started."""

    def ready(self, name: str, seconds: float) -> None:
        """A part is ready, `seconds` after it was started."""

    def say(self, text: str) -> None:
        """A remark for the user."""


def start(
    settings: StackSettings,
    names: tuple[str, ...],
    observer: Observer,
    apps: Survey | None = None,
    temporary: bool = False,
) -> StackState:
    """Start the parts and return when all are ready. The caller holds the lock, and no stack is running.

    With `apps`, the gateway serves those that have a version. A trainer for the others is started as soon as the
    parts it needs are ready; this function does not wait for it.

    Raises `PortInUse` or `PartFailed`. Then, and on Ctrl-C, everything that was started is stopped again.
    """
    began = time.monotonic()
    state = _prepare(settings, names, observer, apps, temporary)
    observer.planned(names)
    try:
        parts = build(state, settings)
        programs = {**parts, TRAINER: trainer(state)} if state.can_train else parts
        for name, part in programs.items():
            part.prepare()
            set_aside(state.layout, name)
        pid = supervisor.launch(state, programs.values(), {**os.environ, **_environment(state, settings, apps)})
        state = _keep(state, supervisor_pid=pid)
        background: tuple[Part, ...] = ()
        if apps is not None and apps.missing and state.can_train:
            Ledger(state.layout, state.stack_id).plan(apps.missing)
            background = (programs[TRAINER],)
        seconds = _bring_up(state, parts, background, settings.start_seconds, observer)
    except BaseException:  # an interrupt must not leave half a stack either
        observer.say("stopping what was started")
        stop(state)
        raise
    seconds["total"] = time.monotonic() - began
    return _keep(state, seconds={name: round(value, 2) for name, value in seconds.items()})


def _prepare(
    settings: StackSettings, names: tuple[str, ...], observer: Observer, apps: Survey | None, temporary: bool
) -> StackState:
    """Make the folders, choose the ports, and write the state file before any process starts, for `down`."""
    layout = Layout.of(settings.home)
    old = read_state(layout.home)
    if old is not None:
        observer.say(f"cleaning up after a stack of {time.ctime(old.started)} that was not stopped")
        stop(old)
    layout.make()
    chosen = ports.choose(settings, names)
    stack_id = uuid.uuid4().hex
    _make_token(layout.ray_token)
    state = StackState(
        stack_id=stack_id,
        home=str(layout.home),
        run=str(make_run_folder(layout, stack_id)),
        model_repository=str(settings.model_repository.absolute()),
        parts=names,
        ports=chosen,
        started=time.time(),
        owner_pid=os.getpid() if temporary else 0,
        owner_created=psutil.Process().create_time() if temporary else 0.0,
        door=settings.door,
        served=apps.ready if apps is not None else (),
    )
    write_state(state)
    return state


def _bring_up(
    state: StackState,
    parts: Mapping[str, Part],
    background: Sequence[Part],
    limit: float,
    observer: Observer,
) -> dict[str, float]:
    """Start the parts in the order of their needs. Returns part -> seconds until it was ready.

    Programs in the background are started in the same order, but not waited for.
    """
    begun: dict[str, float] = {}
    seconds: dict[str, float] = {}
    waiting = [*parts.values(), *background]
    while len(seconds) < len(parts):
        for part in [part for part in waiting if all(need in seconds for need in part.needs)]:
            supervisor.call(state, "startProcess", part.name, False)
            waiting.remove(part)
            if part.name in parts:
                begun[part.name] = time.monotonic()
                observer.started(part.name)
        _refuse_dead(state, [parts[name] for name in begun])
        for name in begun.keys() - seconds.keys():
            age = time.monotonic() - begun[name]
            awaited = parts[name].awaits
            if parts[name].ready():
                seconds[name] = age
                observer.ready(name, age)
                continue
            if not all(other in seconds for other in awaited):
                continue
            age = time.monotonic() - max(begun[other] + seconds.get(other, 0.0) for other in (name, *awaited))
            if age > limit:
                raise _failed(state, name, f"not ready after {age:.0f} s (SLIPWAY_START_SECONDS allows {limit:g})")
        time.sleep(LOOK_SECONDS)
    for part in waiting:
        supervisor.call(state, "startProcess", part.name, False)
    return seconds


def _refuse_dead(state: StackState, parts: Iterable[Part]) -> None:
    known = supervisor.programs(state)
    for part in parts:
        program = known[part.name]
        ends = program.restarts + (program.state in DEAD)
        if ends >= part.starts or program.state == "FATAL":
            end = program.last_end or program.state.lower()
            raise _failed(state, part.name, f"ended while starting ({end})")


def _failed(state: StackState, name: str, reason: str) -> PartFailed:
    log = state.layout.log(name)
    return PartFailed(name, reason, str(log), tail(log))


def _environment(state: StackState, settings: StackSettings, apps: Survey | None = None) -> dict[str, str]:
    log = str(settings.log_file or state.layout.logs / "requests.jsonl")
    collections = settings.collections_url or state.dsn(COLLECTIONS)
    # An app that cannot be imported must not keep the gateway from serving the others.
    served = {"SLIPWAY_APPS": ",".join(apps.names)} if apps is not None and apps.broken else {}
    own = {"SLIPWAY_LOG_FILE": log, "SLIPWAY_COLLECTIONS_URL": collections, "SLIPWAY_OPEN": str(settings.open)}
    return {**state.environment(), **own, **served}


def _keep(state: StackState, **changes: object) -> StackState:
    state = msgspec.structs.replace(state, **changes)
    write_state(state)
    return state


def _make_token(path: Path) -> None:
    """Write Ray's secret. Ray runs any code it is sent, so only users who can read this file may connect."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32))
