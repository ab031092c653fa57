"""The command line of a Python that has imported the libraries already: one for all workers of a run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

FOLDER = Path(__file__).resolve().parent


class WarmPython:
    """A plugin of pytest for the process that starts the workers: where they share one, and how long it lives.

    The worker that needs it first starts it. It ends when this process closes the pipe, or ends in whatever way.
    """

    def __init__(self) -> None:
        # Not below `tmp_path`: the path of a socket has at most 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="slipway-warm-")
        self.folder = self._folder.name
        os.mkfifo(pipe_of(self.folder))
        self._pipe = os.open(pipe_of(self.folder), os.O_RDWR)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist."""
        node.workerinput["warm_python"] = self.folder

    def pytest_unconfigure(self) -> None:
        """The end of the run."""
        os.close(self._pipe)
        self._folder.cleanup()


def pipe_of(folder: str) -> Path:
    """What nobody writes to. The server's standard input; it is closed when the run ends."""
    return Path(folder) / "run"


def warm_words(config: pytest.Config) -> list[str]:
    """Words that stand for `python` before `-m MODULE ...` until the run ends."""
    plugin = config.pluginmanager.get_plugin("warm_python")
    folder = plugin.folder if isinstance(plugin, WarmPython) else config.workerinput["warm_python"]  # type: ignore[attr-defined]
    place = Path(folder) / "socket"
    with FileLock(Path(folder) / "lock"):
        if not place.exists():
            with pipe_of(folder).open("rb", buffering=0) as pipe:
                # It leaves a child that serves, and ends.
                command = [sys.executable, str(FOLDER / "warm_server.py"), str(place)]
                subprocess.run(command, stdin=pipe, check=True)
    return [sys.executable, "-IS", str(FOLDER / "warm_client.py"), str(place)]
