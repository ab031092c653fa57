"""The metric files of a node's processes: a scrape adds them up and merges those of processes that have ended.

Each process has a file per kind of metric, named after its pid. Without merging, a scrape would read the files of
every replica that has run since the stack was started.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

__all__ = ["exposition"]

KINDS = ("counter", "histogram")
"""Metrics whose values count after their process has ended. The files of live gauges are removed instead."""
NOBODY = 0
"""The pid in the names of the files with the merged values."""
MOST = 16
"""The most files merged at once: a file name contains all their pids."""


def exposition(folder: Path) -> bytes:
    """The metrics of all processes that share the folder. Only one scrape of the node runs at a time."""
    registry = CollectorRegistry()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _merge_ended(folder)
        MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _merge_ended(folder: Path) -> None:
    """Merge the files of processes that have ended; the caller holds the folder's lock."""
    for kind in KINDS:
        _finish(folder, kind)
    pids = {int(path.stem.rpartition("_")[2]) for path in folder.glob("*_*.db")}
    dead = sorted(pid for pid in pids if pid != NOBODY and not _alive(pid))
    for pid in dead:
        mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
    for kind in KINDS:
        left = [pid for pid in dead if (folder / f"{kind}_{pid}.db").exists()]
        if left:
            _merge(folder, kind, left[:MOST])


def _merge(folder: Path, kind: str, pids: Sequence[int]) -> None:
    """Add the files of these pids to the merged values.

    The sum is renamed, in one step, to a name that contains the pids of its files. A scrape that is killed before
    this step has changed nothing; the next scrape finishes the work of one that is killed after it.
    """
    partial = folder / f".{kind}.new"
    partial.unlink(missing_ok=True)
    total = MmapedDict(str(partial))  # type: ignore[no-untyped-call]
    for pid in (NOBODY, *pids):
        path = folder / f"{kind}_{pid}.db"
        # A process that is killed while it creates its file leaves it empty.
        if path.exists() and path.stat().st_size:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
                total.write_value(key, total.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
    total.close()  # type: ignore[no-untyped-call]
    os.replace(partial, folder / f".{kind}.of-{'-'.join(map(str, pids))}")
    _finish(folder, kind)


def _finish(folder: Path, kind: str) -> None:
    """Remove the files that a sum contains, and make it the merged file."""
    for total in folder.glob(f".{kind}.of-*"):
        for pid in total.name.partition("of-")[2].split("-"):
            (folder / f"{kind}_{pid}.db").unlink(missing_ok=True)
        os.replace(total, folder / f"{kind}_{NOBODY}.db")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
