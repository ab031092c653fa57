"""A real PostgreSQL with pgvector, started as the local stack starts it."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil

from control.stack.programs import probes

_COUNT = itertools.count(1)


@dataclass
class Postgres:
    """One server; it keeps its data when it is stopped and started again."""

    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={quote(str(self.folder / 'sockets'))}"

    def start(self) -> None:
        self._launch()
        self.make("postgres")

    def _launch(self) -> None:
        command = [
            sys.executable,
            "-m",
            "control.stack.programs.postgres",
            self.folder / "data",
            self.folder / "sockets",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self, number: int = signal.SIGINT) -> None:
        if self.process is not None:
            sessions = (
                psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
            )
            self.process.send_signal(number)
            self.process.wait(60)
            # The sessions of one that was killed go on answering for a moment.
            psutil.wait_procs(sessions, 60)

    def make(self, name: str) -> str:
        """An own database; waits until the server answers."""
        deadline = time.monotonic() + 120
        while not probes.database(self.url("postgres"), name):
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)
            if self.process is not None and self.process.poll() is not None:
                # The sessions of one that was killed hold its memory for a moment.
                self._launch()
        return self.url(name)

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        return self.make(f"test{next(_COUNT)}")
