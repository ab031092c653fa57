"""When each API key was used last: noted in memory, and kept in a file that all gateways of a machine share."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from serving.kernel.storage.highest import raise_numbers

__all__ = ["FILE", "LastUse"]

FILE = "key-use.json"
"""Its name below `SLIPWAY_HOME`."""
WRITE_SECONDS = 10.0

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
            raise_numbers(self._path, dict(self._seen))
        except OSError as cause:
            log.warning("the last use of API keys was not written: %s", cause.strerror or cause)
