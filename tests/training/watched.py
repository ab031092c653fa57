"""Progress that remembers what it was told, and one that kills a worker."""

from __future__ import annotations

import os
import signal

from tests.processes import children
from training.progress import Silent


class Watch(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: list[int] = []
        self.notes: list[str] = []

    def advance(self, done: int, total: int, note: str = "") -> None:
        self.rounds.append(done)
        self.notes.append(note)


class Seer(Watch):
    """Sees what processes run below this one while a fit does."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[str] = []

    def advance(self, done: int, total: int, note: str = "") -> None:
        super().advance(done, total, note)
        if not self.running:
            self.running = [line for _, line in children()]


class Killer(Seer):
    """Kills one of the processes that fit after it was told of the second checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.killed = 0

    def advance(self, done: int, total: int, note: str = "") -> None:
        super().advance(done, total, note)
        if done >= 10 and not self.killed:
            workers = [process.pid for process, line in children() if "RayTrainWorker" in line]
            self.killed = workers[-1]
            os.kill(self.killed, signal.SIGKILL)
