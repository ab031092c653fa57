"""`trainings.json`: the apps that are trained behind the gateway, and how far each has come.

`slipway up` writes the list while no trainer runs; from then on the trainer is its only writer. Every other
command only reads it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import msgspec

from control.stack.files.layout import Layout
from serving.kernel.storage.private_files import write_private

__all__ = ["Ledger", "State", "Training", "Trainings", "failure"]

State = Literal["waiting", "training", "trained", "failed"]


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """One app."""

    app: str
    state: State = "waiting"
    step: str = ""
    """The step of the pipeline that runs, such as `fit`, and its rounds."""
    started: float = 0.0
    """Unix time when its training began; 0 before."""
    seconds: float = 0.0
    """How long it took; 0 until it ended."""
    version: int = 0
    """The version that was published; 0 for none."""
    reason: str = ""
    """Why it failed."""

    def age(self) -> float:
        """Seconds since its training began."""
        return self.seconds or (time.time() - self.started if self.started else 0.0)


class Trainings(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, in the order in which they are trained."""

    stack_id: str = ""
    apps: tuple[Training, ...] = ()

    def of(self, *states: State) -> tuple[Training, ...]:
        """Those in one of these states."""
        return tuple(one for one in self.apps if one.state in states)


def failure(one: Training, log: Path) -> str:
    """What to tell about a training that failed, and what to do."""
    return (
        f"{one.app} could not be trained: {one.reason}\n"
        f"  log: {log}\n"
        f"  `slipway train {one.app}` trains it alone; `slipway up` tries again"
    )


class Ledger:
    """The file of one stack."""

    def __init__(self, layout: Layout, stack_id: str) -> None:
        self._path = layout.trainings
        self._stack_id = stack_id

    def read(self) -> Trainings:
        """What is written; empty when there is no file, or when the file belongs to an earlier stack."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=Trainings)
        except (FileNotFoundError, msgspec.MsgspecError):
            return Trainings()
        return found if found.stack_id == self._stack_id else Trainings()

    def plan(self, apps: tuple[str, ...]) -> None:
        """Replace the list."""
        self._write(tuple(Training(app=app) for app in apps))

    def change(self, app: str, **changes: object) -> None:
        """Change what is written about one app."""
        self._write(
            tuple(msgspec.structs.replace(one, **changes) if one.app == app else one for one in self.read().apps)
        )

    def _write(self, apps: tuple[Training, ...]) -> None:
        # Readers see the old file or the new one.
        partial = self._path.with_name(f".{self._path.name}")
        write_private(partial, msgspec.json.encode(Trainings(stack_id=self._stack_id, apps=apps)))
        partial.replace(self._path)
