"""How many CPUs this process may use: the cgroup's quota, not the machine's cores."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["cpu_count"]


def cpu_count(root: Path = Path("/")) -> int:
    """The quota of this process's cgroup and the groups above it, rounded up; at least 1.

    Never more than the CPUs the process may be scheduled on. `root` is where `/proc` and `/sys` are looked for.
    """
    quotas = [quota for folder in _groups(root) if (quota := _quota(folder)) is not None]
    allowed = len(os.sched_getaffinity(0))
    return max(1, min([allowed, *map(math.ceil, quotas)]))


def _groups(root: Path) -> Iterator[Path]:
    """Folders of the groups that limit this process's CPU time, inner to outer, of either cgroup version."""
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
        # Inside a container the path may be the host's while the mount shows the container's group as its root.
        inner = Path(path.lstrip("/"))
        for base in bases:
            yield from (base / group for group in (inner, *inner.parents))


def _quota(folder: Path) -> float | None:
    """CPUs a group may use; None where it sets no limit."""
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
