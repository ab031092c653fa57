"""`python -m control.stack.guardian HOME PID`: stop the stack of a command that was killed.

A command that starts a stack for itself holds the other end of standard input. When it ends, however it ends, that
end is closed; if its stack is still there, it is stopped here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["guarded", "main"]


@contextmanager
def guarded(home: Path) -> Iterator[None]:
    """For the block, have the stack in `home` stopped if this process is killed."""
    command = [sys.executable, "-m", __name__, str(home), str(os.getpid())]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A signal to the terminal's processes must not reach it.
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def main(home: Path, owner: int) -> None:
    """Wait until the command with that pid has ended, then stop its stack if it is still there."""
    sys.stdin.buffer.read()
    # Imported only when they are needed, so that waiting costs little.
    from control.stack.files import lock
    from control.stack.files.layout import Layout
    from control.stack.files.state import read_state
    from control.stack.liveness import abandoned
    from control.stack.stop import stop

    if read_state(home) is None:
        return
    with lock.held(Layout.of(home), wait=True):
        state = read_state(home)
        if state is not None and state.owner_pid == owner and abandoned(state):
            stop(state)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
