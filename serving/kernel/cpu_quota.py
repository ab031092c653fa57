"""The number of CPUs that this process may use, by its cgroup's quota."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["cpu_count"]


def cpu_count(root: Path = Path("/")) -> int:
    """The smallest quota of this process's cgroup and its parents, rounded up; at least 1.

    Never more than the CPUs on which the process may be scheduled. `root` contains `proc` and `sys`.
    """
    quotas = [quota for folder in _groups(root) if (quota := _quota(folder)) is not None]
    allowed = len(os.sched_getaffinity(0))
    return max(1, min([allowed, *map(math.ceil, quotas)]))


def _groups(root: Path) -> Iterator[Path]:
    """Folders of the cgroups, of version 1 or 2, that limit this process's CPU time; the innermost first."""
    mounts = root / "sys" / "fs" / "cgroup"
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            bases = [mounts, mounts / "unified"]
        elif "cpu" in controllers.split(","):
            bases = [mounts / controllers, mounts / "cpu"]
        else:
            continue
        # In a container the path may be the host's, while the mount has the container's group at its root.
        inner = Path(path.lstrip("/"))
        for base in bases:
            yield from (base / group for group in (inner, *inner.parents))


def _quota(folder: Path) -> float | None:
    """The CPUs that a group may use; None if it sets no limit."""
    limit, _, period = _text(folder / "cpu.max").partition(" ")
    if not limit:
        limit = _text(folder / "cpu.cfs_quota_us")
        period = _text(folder / "cpu.cfs_period_us")
    try:
        quota = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return None
    return quota if quota > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
