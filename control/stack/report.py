"""The parts of a stack and its trainings, as tables or as JSON."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from control.console import print_table
from control.errors import StackError
from control.settings import StackSettings
from control.stack import processes, supervisor
from control.stack.files.ledger import Ledger, Trainings, failure
from control.stack.files.logs import tail
from control.stack.files.state import StackState
from control.stack.parts import TRAINER, Part, build
from control.stack.programs import probes
from control.stack.supervisor import Program

__all__ = [
    "Row",
    "as_json",
    "failed_trainings",
    "interrupted_trainings",
    "look",
    "print_rows",
    "print_started",
    "print_trainings",
    "problems",
    "trainings",
]

WORDS = {"BACKOFF": "restarting", "FATAL": "failed", "EXITED": "restarting"}
UP = frozenset({"RUNNING", "STARTING"})


@dataclass(frozen=True)
class Row:
    """One part. `state` is ready, starting, restarting, failed or stopped."""

    part: str
    state: str
    pid: int
    address: str
    uptime_seconds: float
    restarts: int
    memory_bytes: int
    ready_after_seconds: float
    last_end: str
    log: str
    detail: str = ""
    """What a table says beside the address."""


def look(state: StackState, settings: StackSettings) -> list[Row]:
    """The current state of every part of a stack. All are stopped if the supervisor is gone."""
    try:
        known = supervisor.programs(state)
    except StackError:
        known = {}
    missing = Program("", "STOPPED", 0, 0.0)
    return [_row(state, part, known.get(name, missing)) for name, part in build(state, settings).items()]


def _row(state: StackState, part: Part, program: Program) -> Row:
    up = program.state in UP
    word = ("ready" if part.ready() else "starting") if up else WORDS.get(program.state, "stopped")
    return Row(
        part=part.name,
        state=word,
        pid=program.pid,
        address=part.address,
        uptime_seconds=round(time.time() - program.started, 1) if up else 0.0,
        restarts=program.restarts,
        memory_bytes=processes.resident_bytes(program.pid) if up else 0,
        ready_after_seconds=state.seconds.get(part.name, 0.0),
        last_end=program.last_end,
        log=str(state.layout.log(part.name)),
        detail=part.detail,
    )


def as_json(state: StackState, rows: list[Row]) -> dict[str, Any]:
    """The report as a JSON document."""
    return {
        "stack_id": state.stack_id,
        "home": state.home,
        "ready": all(row.state == "ready" for row in rows),
        "seconds": state.seconds,
        "environment": state.environment(),
        "parts": [asdict(row) for row in rows],
        "trainings": msgspec.to_builtins(trainings(state).apps),
    }


def trainings(state: StackState) -> Trainings:
    """The trainings of this stack, and their progress."""
    return Ledger(state.layout, state.stack_id).read()


def print_trainings(state: StackState) -> None:
    """Print a table of the trainings, unless all are done."""
    found = trainings(state)
    if len(found.of("trained")) < len(found.apps):
        rows = [(one.app, one.state, one.step or one.reason, _duration(one.age())) for one in found.apps]
        print_table(("app", "training", "step", "for"), rows, title="\nversions that were missing")


def print_rows(rows: list[Row]) -> None:
    """Print the table of `slipway status`."""
    columns = ("part", "state", "pid", "address", "up", "restarts", "memory")
    print_table(
        columns,
        [
            (
                row.part,
                row.state,
                str(row.pid or "-"),
                _place(row),
                _duration(row.uptime_seconds),
                f"{row.restarts} ({row.last_end})" if row.restarts else "0",
                f"{row.memory_bytes / 2**20:.0f} MB",
            )
            for row in rows
        ],
    )


def print_started(rows: list[Row]) -> None:
    """Print the table of `slipway up`."""
    columns = ("part", "address", "pid", "ready after", "log")
    print_table(
        columns,
        [(row.part, _place(row), str(row.pid), f"{row.ready_after_seconds:.1f} s", row.log) for row in rows],
    )


def problems(rows: list[Row]) -> list[str]:
    """A text for each part that is not ready: its state, its last exit, the tail of its log."""
    return [_problem(row) for row in rows if row.state != "ready"]


def failed_trainings(state: StackState) -> list[str]:
    """A text for each app that could not be trained: the reason, and what to do."""
    log = state.layout.log(TRAINER)
    return [failure(one, log) for one in trainings(state).of("failed")]


def interrupted_trainings(state: StackState) -> list[str]:
    """A text that names the apps that are left to train, if no trainer is running."""
    left = ", ".join(one.app for one in trainings(state).of("waiting", "training"))
    if not left or supervisor.runs(state, TRAINER):
        return []
    return [f"no trainer runs, and no version is trained of: {left}; `slipway up` goes on"]


def _problem(row: Row) -> str:
    ended = f"; it ended last with {row.last_end}" if row.last_end else ""
    denied = probes.denied(row.address) if row.part == "gateway" and row.pid else ""
    if denied:
        return (
            f"the gateway does not say how it is: {denied}. Set SLIPWAY_API_KEY or SLIPWAY_API_KEY_FILE to a "
            "key with the scopes predict and operations"
        )
    lines = tail(Path(row.log)).splitlines()
    return "\n".join([f"{row.part} is {row.state}{ended}", f"log: {row.log}", *(f"  | {line}" for line in lines)])


def _place(row: Row) -> str:
    return f"{row.address} ({row.detail})" if row.detail else row.address


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
