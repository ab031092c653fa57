"""Find the processes of a stack by a mark in their environment, and end them by pid."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Sequence

import psutil

__all__ = ["MARK", "end", "end_all", "holder", "is_alive", "lives", "marked", "resident_bytes"]

MARK = "SLIPWAY_STACK_ID"
GRACE_SECONDS = 5.0
GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


def marked(stack_id: str) -> list[psutil.Process]:
    """Every process of this stack and its descendants, without this process and its ancestors.

    Descendants are included because some programs overwrite their environment with their title.
    """
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in found and _mark_of(process) == stack_id:
            found[process.pid] = process
            for child in _children(process):
                found.setdefault(child.pid, child)
    me = psutil.Process()
    for own in [me, *me.parents()]:
        found.pop(own.pid, None)
    return [process for process in found.values() if lives(process)]


def lives(process: psutil.Process) -> bool:
    """Whether the process is running. A zombie is not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_alive(pid: int, stack_id: str) -> bool:
    """Whether that pid still belongs to this stack. A process that reuses the pid does not."""
    try:
        return pid > 0 and _mark_of(psutil.Process(pid)) == stack_id
    except psutil.NoSuchProcess:
        return False


def end(processes: Iterable[psutil.Process], grace: float = GRACE_SECONDS) -> int:
    """Ask the processes to end, then kill those that remain. Returns the number of processes that were asked."""
    asked = [process for process in processes if lives(process) and _signal(process, kill=False)]
    left = _await(asked, grace)
    for process in left:
        _signal(process, kill=True)
    _await(left, grace)
    return len(asked)


def end_all(stack_id: str, also: Sequence[psutil.Process] = (), grace: float = GRACE_SECONDS) -> int:
    """End every process of a stack, also those that start meanwhile. Returns the number of processes ended.

    The processes in `also` first get a moment to end on their own.
    """
    ended = end(_await(also, grace / 2), grace)
    deadline = time.monotonic() + 4 * grace
    while found := marked(stack_id):
        ended += end(found, grace)
        if time.monotonic() > deadline:
            break
    return ended


def holder(port: int) -> str:
    """The process that listens on a TCP port, as text for an error message."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        connections = []
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        if listens and connection.pid:
            try:
                line = " ".join(psutil.Process(connection.pid).cmdline()) or "(no command line)"
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                line = "(its command line is not visible to this user)"
            return f"pid {connection.pid}: {line[:200]}"
    return "a process that is not visible to this user"


def resident_bytes(pid: int) -> int:
    """Memory of a process and its descendants. Shared pages count once per process."""
    try:
        top = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in [top, *_children(top)]:
        try:
            total += process.memory_info().rss
        except (*GONE, psutil.AccessDenied):
            continue
    return total


def _mark_of(process: psutil.Process) -> str:
    try:
        return str(process.environ().get(MARK, ""))
    except (*GONE, psutil.AccessDenied, OSError):
        return ""


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except GONE:
        return []


def _await(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until the processes are gone. Returns those that are not."""
    deadline = time.monotonic() + seconds
    left = list(processes)
    while (left := [process for process in left if lives(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _request(process: psutil.Process) -> signal.Signals:
    """The signal that ends a program. PostgreSQL waits for its clients on SIGTERM, but not on SIGINT."""
    return signal.SIGINT if process.name() == "postgres" else signal.SIGTERM


def _signal(process: psutil.Process, kill: bool) -> bool:
    try:
        process.send_signal(signal.SIGKILL if kill else _request(process))
    except (*GONE, psutil.AccessDenied):
        return False
    return True
