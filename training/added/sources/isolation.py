"""Takes network and unlimited resources away from this process, before it opens somebody's file.

Nothing here may import a library that starts threads: a process with threads cannot get a user namespace.
"""

from __future__ import annotations

import ctypes
import resource

__all__ = ["MOST_FILE", "limit", "without_network"]

CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
"""Of Linux's `unshare`: a network without interfaces, and a user namespace, in which anyone may ask for one."""
MOST_FILE = 4 << 30
"""Bytes of a file that the process may write."""


def without_network() -> bool:
    """Move this process into a network of its own, which reaches nothing. False where the kernel forbids it."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "unshare"):
        return False
    return any(library.unshare(flags) == 0 for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET))


def limit(memory: int, seconds: int) -> None:
    """Limit memory in bytes, processor time, and the size of files; no core dumps.

    Memory is what the process writes to: libraries reserve far more addresses than they use.
    """
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, MOST_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (lower, lower))
