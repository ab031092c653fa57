"""How much memory a process may take, so that the kernel kills no other one for it."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["free_memory", "limit_memory"]

CGROUP = Path("/sys/fs/cgroup")
SPARED = 0.9
"""The share of the free memory that may be taken."""


def limit_memory() -> None:
    """Let this process take no more memory than is free now: beyond it, allocations fail."""
    most = psutil.Process().memory_info().rss + int(SPARED * free_memory())
    # Not every system has such a limit.
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def free_memory(cgroup: Path = CGROUP) -> int:
    """Bytes that may still be allocated, by the machine and by the container's limit."""
    free = psutil.virtual_memory().available
    try:
        limit, used = ((cgroup / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return free
    return min(free, max(0, int(limit) - int(used))) if limit.isdigit() else free
