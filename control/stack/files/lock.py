"""A lock: only one command at a time changes a stack."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from control.errors import StackError
from control.stack.files.layout import Layout
from serving.kernel.storage.private_files import opener, private_folder

__all__ = ["held"]


@contextmanager
def held(layout: Layout, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a home folder inside the block.

    If another command holds it, wait for it (`wait`) or raise `StackError` with its pid.
    """
    private_folder(layout.home)
    with open(layout.lock, "a+", opener=opener) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            stream.seek(0)
            raise StackError(
                f"another slipway command (pid {stream.read().strip() or 'unknown'}) is starting or stopping the "
                f"stack in {layout.home}; wait for it, or end it with Ctrl-C"
            ) from None
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
