"""`python -m control.trainings.trainer`: train what the ledger lists, one app after the other.

supervisord runs it beside the gateway, which serves each version as soon as it is published. An app whose training
fails does not keep the others from being trained. SIGINT stops it: the running training ends, its run is closed in
the registry, and nothing of it is published. If the process is killed, supervisord starts it again; it then gives
up the app whose training ended it and goes on with the others.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from control.settings import StackSettings
from control.stack.files.layout import Layout
from control.stack.files.ledger import Ledger
from control.stack.processes import MARK
from serving.kernel.settings import read
from training.progress import RichProgress

__all__ = ["LedgerProgress", "main", "work"]

INTERRUPTED = 130
KILLED = "the trainer was killed during this training, possibly for lack of memory"
NICENESS = 10
"""The gateway beside it comes first."""
ROUNDS_SECONDS = 0.5


class LedgerProgress(RichProgress):
    """Writes steps to the log as lines, and to the ledger for the commands that follow it."""

    def __init__(self, console: Console, tell: Callable[[str], None]) -> None:
        super().__init__(console)
        self._tell = tell
        self._told = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell the step's name."""
        self._tell(name)
        with super().step(name):
            yield

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Tell the rounds, though not each of many."""
        super().advance(done, total, note)
        if time.monotonic() - self._told > ROUNDS_SECONDS:
            self._told = time.monotonic()
            self._tell(f"{self._name} {done}/{total}")


def main() -> int:
    """Train everything that waits; returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # A stack that was started by a script in the background would ignore SIGINT.
        signal.signal(number, signal.default_int_handler)
    os.nice(NICENESS)
    settings = read(StackSettings)
    ledger = Ledger(Layout.of(settings.home), os.environ[MARK])
    return work(ledger, lambda app, progress: _train(settings, app, progress))


def work(ledger: Ledger, train: Callable[[str, RichProgress], int]) -> int:
    """`train` every app that waits; returns 0 when all are trained, 1 when one failed, 130 when interrupted."""
    for one in ledger.read().of("training"):
        ledger.change(one.app, state="failed", step="", seconds=one.age(), reason=KILLED)
    console = Console(file=sys.stdout, width=120)
    for one in ledger.read().of("waiting"):
        console.print(f"{one.app}: training a version on synthetic data", highlight=False)
        began = time.time()
        ledger.change(one.app, state="training", started=began)
        progress = LedgerProgress(console, lambda step, app=one.app: ledger.change(app, step=step))  # type: ignore[misc]
        try:
            version = train(one.app, progress)
        except KeyboardInterrupt:
            ledger.change(one.app, state="waiting", step="", started=0.0)
            console.print(f"{one.app}: stopped; nothing was published", highlight=False)
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001 - a training that fails in any way must not stop the others
            traceback.print_exc()
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            ledger.change(one.app, state="failed", step="", seconds=time.time() - began, reason=reason)
        else:
            ledger.change(one.app, state="trained", step="", seconds=time.time() - began, version=version)
    return 1 if ledger.read().of("failed") else 0


def _train(settings: StackSettings, app: str, progress: RichProgress) -> int:
    # Takes seconds to import: the ledger says before what is being done.
    from control.trainings.run import train_on_stack
    from training.run import TrainRequest

    request = TrainRequest(app=app, repository=settings.model_repository, home=settings.home, promote=True)
    return train_on_stack(settings, request, progress).version


if __name__ == "__main__":
    sys.exit(main())
