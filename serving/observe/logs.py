"""Structured logs: one JSON object per line, written in a thread, so that no request waits for the disk."""

from __future__ import annotations

import contextlib
import fcntl
import io
import logging
import logging.handlers
import os
import queue
import sys
import time
import traceback
from pathlib import Path
from typing import IO, Any

import msgspec

from serving.kernel.storage.private_files import opener, private_folder
from serving.observe.threads import name_thread

__all__ = ["JsonFormatter", "Writer", "configure", "fields"]


MAX_WAITING = 64 * 2**20
"""The most bytes of request lines that may wait to be written."""


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON: time, level, logger and message, then its fields, then its exception as text."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{name: _readable(value) for name, value in getattr(record, "fields", {}).items()},
        }
        if record.exc_info or record.exc_text:
            # A record from another process has only the text.
            line["exception"] = _readable(record.exc_info) if record.exc_info else record.exc_text
        return msgspec.json.encode(line, enc_hook=str).decode()


class QueueHandler(logging.handlers.QueueHandler):
    """A bounded queue that never blocks: it drops lines when it is full."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record unchanged: the listener is in the same process."""
        return record

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Ignore a full queue; report any other error as usual."""
        if not isinstance(sys.exc_info()[1], queue.Full):
            super().handleError(record)


def fields(**values: Any) -> dict[str, Any]:
    """The value for `extra=` that adds these keys to the JSON line."""
    return {"fields": values}


class PrivateFileHandler(logging.handlers.WatchedFileHandler):
    """Appends to a file that only this user can read: the log says who asked what."""

    def _open(self) -> io.TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=opener)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say in one line that the file cannot be written; report any other error as usual."""
        cause = sys.exc_info()[1]
        if isinstance(cause, OSError):
            _cannot_write(cause)
        else:
            super().handleError(record)


class Writer(logging.handlers.QueueListener):
    """The thread that writes log records, and blocks of lines that are already JSON."""

    def __init__(self, channel: queue.Queue[Any], target: logging.StreamHandler[Any], max_bytes: int) -> None:
        super().__init__(channel, target)
        self._target = target
        self._max_bytes = max_bytes
        # Bytes given by the event loop and bytes taken by the writer. Each count is changed by one thread only.
        self._given = 0
        self._taken = 0

    def _monitor(self) -> None:
        name_thread("slipway-logs")
        super()._monitor()  # type: ignore[misc]

    def write(self, lines: bytes) -> None:
        """Queue whole lines; they are dropped if too many bytes are waiting already."""
        if self._given - self._taken + len(lines) > MAX_WAITING:
            return
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(lines)
            self._given += len(lines)

    def handle(self, record: logging.LogRecord | bytes) -> None:
        """Write one record or block, and rotate the file if it is full."""
        if isinstance(record, bytes):
            self._taken += len(record)
            self._write(record)
        else:
            super().handle(record)
        if isinstance(self._target, logging.FileHandler) and self._max_bytes and self._target.stream:
            _rotate(self._target.stream, self._target.baseFilename, self._max_bytes)

    def stop(self) -> None:
        """Write the queued lines and close the file. May be called twice."""
        if self._thread is not None:
            super().stop()
        for handler in self.handlers:
            handler.close()

    def _write(self, lines: bytes) -> None:
        target = self._target
        if isinstance(target, logging.handlers.WatchedFileHandler):
            target.reopenIfNeeded()
        try:
            target.stream.write(lines.decode())
            target.flush()
        except OSError as cause:  # a full disk must not stop the thread
            _cannot_write(cause)


def _cannot_write(cause: OSError) -> None:
    with contextlib.suppress(OSError):  # standard error may go to the same disk
        print(f"the log cannot be written: {cause}", file=sys.stderr)


def _readable(value: Any) -> Any:
    """The traceback of an exception, or of a tuple from `sys.exc_info`, as text; any other value unchanged."""
    if isinstance(value, tuple) and len(value) == 3 and isinstance(value[1], BaseException):
        value = value[1]
    return "".join(traceback.format_exception(value)).rstrip() if isinstance(value, BaseException) else value


def _rotate(stream: IO[str], path: str, max_bytes: int) -> None:
    """Rename a full file to `<name>.1`; every process that shares it continues with a new file."""
    with contextlib.suppress(OSError):
        held = os.fstat(stream.fileno())
        if held.st_size < max_bytes:
            return
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            # Another process may already have renamed it.
            if os.stat(path).st_ino == held.st_ino:
                os.replace(path, f"{path}.1")
        finally:
            fcntl.flock(stream, fcntl.LOCK_UN)


def configure(level: str, path: Path | None, max_bytes: int = 0) -> Writer:
    """Send the logs of `serving` to `path` (None: standard error). The caller has to stop the writer at the end.

    A file that reaches `max_bytes` (0: no limit) is renamed to `<name>.1`, replacing the previous one.
    """
    target: logging.StreamHandler[Any]
    if path is None:
        target = logging.StreamHandler(sys.stderr)
    else:
        private_folder(path.parent)
        target = PrivateFileHandler(path)
    target.setFormatter(JsonFormatter())
    channel: queue.Queue[Any] = queue.Queue(100_000)
    root = logging.getLogger("serving")
    root.handlers = [QueueHandler(channel)]
    root.setLevel(level)
    root.propagate = False
    writer = Writer(channel, target, max_bytes)
    writer.start()
    return writer
