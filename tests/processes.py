"""Looks at processes that may end meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil


def command_line(process: psutil.Process) -> str:
    """The words of the process, with spaces between them; empty for one that has ended or is a zombie."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def has_ended(pid: int) -> bool:
    """Whether the process is gone, or a zombie without other threads.

    Its sockets are closed then, unlike when it has no command line: the last thread closes them, and a process
    shows as a zombie as soon as its first thread has ended.
    """
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE and len(os.listdir(f"/proc/{pid}/task")) == 1
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return True


def children() -> Iterator[tuple[psutil.Process, str]]:
    """Every process below this one, with its command line."""
    for process in psutil.Process().children(recursive=True):
        yield process, command_line(process)
