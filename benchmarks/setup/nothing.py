"""Megabytes of an idle Ray Serve replica of nothing: `python -m benchmarks.setup.nothing` prints them as JSON.

What a gateway replica takes beyond this is what Slipway and the models take.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil

from benchmarks.setup.place import BenchmarkError
from benchmarks.setup.usage import Memory, memory
from training.fit.ray_session import connected

__all__ = ["main"]

NAME = "nothing"
SETTLE_SECONDS = 5.0


class Nothing:
    """Has nothing to do."""


def main() -> None:
    """Start a Ray, look, end it. Raises `BenchmarkError` when the replica is not found."""
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder, connected(2, Path(folder)):
        # Ray reads its switches when it is imported; `connected` sets them.
        from ray import serve

        serve.start(proxy_location="Disabled")
        serve.run(serve.deployment(Nothing).bind(), name=NAME, route_prefix=None)
        time.sleep(SETTLE_SECONDS)
        found = _look()
        serve.shutdown()
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def _look() -> Memory:
    replicas = [
        process
        for process in psutil.Process().children(recursive=True)
        if f"ServeReplica:{NAME}" in " ".join(process.cmdline())
    ]
    if not replicas:
        raise BenchmarkError("Ray Serve's replica is not among this process's descendants")
    return memory(replicas)


if __name__ == "__main__":
    main()
