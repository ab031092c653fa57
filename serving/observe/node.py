"""The metric files of a node's processes: added up at a scrape, those of the dead folded into one of each kind.

A process has a file for each kind of metric, named after its pid. Without folding, a scrape would read those of
every replica that ever ran, until the stack stops.
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
"""What goes on counting after its process has ended. Live gauges do not: their files are removed."""
NOBODY = 0
"""The pid in the names of the files that the others are folded into."""
MOST = 16
"""Files folded at once: their pids stand in a file's name."""


def exposition(folder: Path) -> bytes:
    """What all processes that share the folder have counted. One scrape of the node at a time."""
    registry = CollectorRegistry()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _tidy(folder)
        MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _tidy(folder: Path) -> None:
    """Fold the files of processes that are gone; only with the folder's lock."""
    for kind in KINDS:
        _finish(folder, kind)
    pids = {int(path.stem.rpartition("_")[2]) for path in folder.glob("*_*.db")}
    dead = sorted(pid for pid in pids if pid != NOBODY and not _alive(pid))
    for pid in dead:
        mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
    for kind in KINDS:
        left = [pid for pid in dead if (folder / f"{kind}_{pid}.db").exists()]
        if left:
            _fold(folder, kind, left[:MOST])


def _fold(folder: Path, kind: str, pids: Sequence[int]) -> None:
    """Add the files of these pids up with what was folded before.

    The sum replaces all of them in one step, the renaming to a name that says whose files it has: a scrape that is
    killed before has changed nothing, and one that is killed after is finished by the next.
    """
    partial = folder / f".{kind}.new"
    partial.unlink(missing_ok=True)
    total = MmapedDict(str(partial))  # type: ignore[no-untyped-call]
    for pid in (NOBODY, *pids):
        path = folder / f"{kind}_{pid}.db"
        # A process that was killed while it made the file leaves it empty.
        if path.exists() and path.stat().st_size:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
                total.write_value(key, total.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
    total.close()  # type: ignore[no-untyped-call]
    os.replace(partial, folder / f".{kind}.of-{'-'.join(map(str, pids))}")
    _finish(folder, kind)


def _finish(folder: Path, kind: str) -> None:
    """Remove the files that a sum has, and put it in their place."""
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
