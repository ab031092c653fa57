"""The command line of a Python that has imported the libraries already."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@contextmanager
def warm() -> Iterator[list[str]]:
    """Words that stand for `python` before `-m MODULE ...`, as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="slipway-warm-") as folder:
        place = str(Path(folder) / "socket")
        command = [sys.executable, str(FOLDER / "warm_server.py"), place]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield [sys.executable, "-IS", str(FOLDER / "warm_client.py"), place]
            server.communicate()
