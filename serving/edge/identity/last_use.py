"""When each API key was used last: noted in memory, and kept in a file that all gateways of a machine share."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from pathlib import Path

import msgspec

from serving.kernel.storage.private_files import opener, private_folder

__all__ = ["FILE", "LastUse", "read_last_use"]

FILE = "key-use.json"
"""Its name below `SLIPWAY_HOME`."""
WRITE_SECONDS = 10.0
MOST_KEYS = 20_000

log = logging.getLogger(__name__)


class LastUse:
    """Writes a little later, and in a thread of its own, so that no request waits for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, float] = {}
        self._timer: threading.Timer | None = None

    def note(self, key_id: str, now: float) -> None:
        """The key was used now, in Unix seconds."""
        self._seen[key_id] = now
        if self._timer is None:
            self._timer = threading.Timer(WRITE_SECONDS, self.write)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """Write what was noted since the last time, if anything was."""
        timer = self._timer
        if timer is not None:
            timer.cancel()
            self.write()

    def write(self) -> None:
        """Put what was noted into the file. A file that cannot be written is logged, and tried again later."""
        self._timer = None
        try:
            private_folder(self._path.parent)
            with open(self._path.with_suffix(".lock"), "a", opener=opener) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._replace(_merged(read_last_use(self._path), dict(self._seen)))
        except OSError as cause:
            log.warning("the last use of API keys was not written: %s", cause.strerror or cause)

    def _replace(self, found: dict[str, float]) -> None:
        new = self._path.with_suffix(f".{os.getpid()}")
        with open(new, "wb", opener=opener) as file:
            file.write(msgspec.json.encode(found))
        new.replace(self._path)


def read_last_use(path: Path) -> dict[str, float]:
    """Key id -> Unix seconds; empty where nothing, or nothing readable, was written."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, float])
    except (OSError, msgspec.DecodeError):
        return {}


def _merged(old: dict[str, float], new: dict[str, float]) -> dict[str, float]:
    """The later of each, of the keys that were used last."""
    found = {name: max(old.get(name, 0.0), new.get(name, 0.0)) for name in old.keys() | new.keys()}
    return dict(sorted(found.items(), key=lambda item: item[1])[-MOST_KEYS:])
