"""Another process that listens on a port of ours, as another replica does. It accepts nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CODE = """
import sys
from serving.hosting.sockets import bind
made = bind("127.0.0.1", int(sys.argv[1]), "http_port")
made.listen()
print(made.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def neighbour(port: int = 0) -> Iterator[int]:
    """Listens inside the block; gives the port."""
    command = [sys.executable, "-c", CODE, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None and other.stdout is not None
        yield int(other.stdout.readline())
        other.stdin.close()
