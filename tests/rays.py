"""One private Ray for a test process, kept from file to file: starting one is most of what such tests take."""

from __future__ import annotations

import sys
from contextlib import ExitStack, chdir
from pathlib import Path

from training.fit.ray_session import connected

ROOT = Path(__file__).resolve().parent.parent
CPUS = 4
"""Logical ones: enough for the replicas that tests of serving start; fits take one or two."""


class Rays:
    """Connects this process to a Ray when it is opened; all that trains or serves in it then uses that Ray."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = ExitStack()

    def open(self) -> None:
        """Start it, unless this process is connected to a Ray."""
        # Ray reads its token when it is imported, and `connected` makes one.
        ray = sys.modules.get("ray")
        if ray is None or not ray.is_initialized():
            self.close()
            # Its processes find modules where this one was when it started them.
            with chdir(ROOT):
                self._kept.enter_context(connected(CPUS, self._folder))

    def close(self) -> None:
        """End it, for those who need one of their own."""
        self._kept.close()
