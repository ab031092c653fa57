"""Inspects a model in a child process, which is killed when it takes too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from serving.kernel.added.app import added_app
from serving.kernel.storage.version_manifest import MODEL_NAME
from serving.kernel.tensors import Arrays
from training.added.apart.messages import Advanced, Done, Ended, Failed, Message, Said, Started
from training.added.build import Built, Wanted
from training.added.errors import AddError
from training.added.graphs.engine import open_run
from training.fit.scratch import scratch
from training.progress import Progress

__all__ = ["SECONDS", "build_apart"]

SECONDS = 300.0
"""How long the inspection of a model may take."""
CHILD = (
    "import sys; descriptor, sys.path[:] = int(sys.argv[1]), sys.argv[2:]; "
    "from training.added.apart.child import main; main(descriptor)"
)
LAST_WORDS = 300
"""Characters of what a process that crashed wrote last."""


def build_apart(wanted: Wanted, folder: Path, progress: Progress, seconds: float = SECONDS) -> Built:
    """`build` in a process of its own. Whatever the graph does there, this process goes on.

    Raises `AddError` for a model that crashes the engine or takes longer than `seconds`, and what `build` raises.
    """
    with tempfile.TemporaryFile() as words, _child(words) as (process, link):
        link.send((wanted, folder))
        done = _Listener(process, link, progress, words, seconds).listen()
    manifest = done["manifest"]
    return Built(app=added_app(manifest, Path(wanted.name)), run=_later(folder / MODEL_NAME), **done)


@contextmanager
def _child(words: IO[bytes]) -> Iterator[tuple[subprocess.Popen[bytes], Connection]]:
    """The process and this end of its socket; it is killed after the block, with all that it started."""
    ours, theirs = Pipe()
    # What a killed child leaves there is removed all the same.
    with ours, scratch("slipway-apart-") as place:
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter
                # The paths of this process, and not the current folder, which may have a `training` of its own.
                [sys.executable, "-P", "-c", CHILD, str(theirs.fileno()), *sys.path],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
                env={**os.environ, "TMPDIR": str(place)},
                # Ctrl-C is for this process, which then kills the child.
                start_new_session=True,
            )
        try:
            yield process, ours
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class _Listener:
    """Follows the child to its end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        link: Connection,
        progress: Progress,
        words: IO[bytes],
        seconds: float,
    ) -> None:
        self._process = process
        self._link = link
        self._progress = progress
        self._words = words
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._step = "start"

    def listen(self) -> dict[str, Any]:
        """What the child sends at its end; empty if it was the end of a step."""
        while True:
            match self._next():
                case Started(name):
                    self._step = name
                    with self._progress.step(name):
                        self.listen()
                case Ended():
                    return {}
                case Advanced(done, total, note):
                    self._progress.advance(done, total, note)
                case Said(text):
                    self._progress.log(text)
                case Done(found):
                    return found
                case Failed() as failure:
                    raise failure.error()

    def _next(self) -> Message:
        try:
            if not self._link.poll(max(0.0, self._deadline - time.monotonic())):
                raise AddError(
                    f"the model was stopped after {self._seconds:g} s, in the step {self._step!r}: it may "
                    "run for ever; give a slow one more time with --timeout"
                )
            message: Message = self._link.recv()
        except (EOFError, ConnectionError) as cause:
            raise AddError(self._why()) from cause
        return message

    def _why(self) -> str:
        """What ended the child."""
        code = self._process.wait()
        self._words.seek(0)
        last = " ".join(self._words.read().decode(errors="replace").split())[-LAST_WORDS:]
        said = f": {last}" if last else ""
        if code == -signal.SIGKILL:
            return f"the inspection was killed in the step {self._step!r}, probably for want of memory{said}"
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the model crashes ONNX Runtime ({name}, in the step {self._step!r}); it cannot be served{said}"


def _later(path: Path) -> Any:
    """A function that opens the graph when it is first called, and runs it."""
    opened: list[Any] = []

    def run(inputs: Arrays) -> Arrays:
        if not opened:
            opened.append(open_run(path))
        found: Arrays = opened[0](inputs)
        return found

    return run
