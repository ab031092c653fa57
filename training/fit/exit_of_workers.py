"""Ray's workers import this first: they end as soon as Python's own exit handlers have run.

When a worker exits, Ray destroys its C++ core worker, which can wait for a lock that its own thread holds: the
process then stays for good, with its memory, after its Ray has ended. It was seen in one of some twenty trainings,
in the controller of Ray Train. By then the worker has ended its loop and left its raylet, so nothing is lost.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys

__all__ = ["end"]


def end() -> None:
    """Write what is buffered and end this process without the exit handlers of its libraries; does not return."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


# Handlers run from the last to the first: after those of what a task imports, before those of Ray.
atexit.register(end)
