"""What a set of processes costs: memory and CPU time, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import psutil

__all__ = ["Memory", "cpu_seconds", "memory", "peak", "spent", "thread_seconds"]

MEGABYTE = 2**20
GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied)


class Memory(msgspec.Struct, frozen=True):
    """Megabytes. `pss` counts a page that n processes share as 1/n in each; `rss` counts it in full in each."""

    pss: float
    rss: float


def memory(processes: Iterable[psutil.Process]) -> Memory:
    """The sum over the processes. A process that has ended counts as zero."""
    pss = rss = 0.0
    for process in processes:
        try:
            resident = process.memory_info().rss / MEGABYTE
            pss += _pss(process.pid) or resident
            rss += resident
        except GONE:
            continue
    return Memory(pss, rss)


def peak(processes: Iterable[psutil.Process]) -> float:
    """The most resident memory that each has ever had (VmHWM), in megabytes, added up."""
    return sum(_kilobytes(Path(f"/proc/{process.pid}/status"), "VmHWM:") for process in processes) / 1024


def cpu_seconds(processes: Iterable[psutil.Process]) -> dict[int, float]:
    """Process -> user and system seconds so far."""
    found = {}
    for process in processes:
        try:
            times = process.cpu_times()
        except GONE:
            continue
        found[process.pid] = float(times.user + times.system)
    return found


def thread_seconds(processes: Iterable[psutil.Process], prefix: str) -> float:
    """User and system seconds so far of the threads whose names begin with `prefix`."""
    ticks = 0
    for process in processes:
        for folder in Path(f"/proc/{process.pid}/task").glob("*"):
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
            if name.startswith(prefix):
                ticks += sum(map(int, rest.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """CPU seconds between two readings. New processes count from their start, ended ones do not count."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def _pss(pid: int) -> float:
    return _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") / 1024


def _kilobytes(path: Path, field: str) -> int:
    """A figure of a file in /proc; 0 if the process has ended."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)
