"""The API keys that a gateway accepts, read from a folder and read again when it changes."""

from __future__ import annotations

import hmac
import logging
import time
from pathlib import Path

from serving.edge.identity.identity import Identity
from serving.edge.identity.key_file import KEYS, PEPPER, KeyFileError, KeyRecord, digest, read, split
from serving.kernel.errors import Unauthenticated

__all__ = ["ApiKeys"]

LOOK_SECONDS = 1.0
NOBODY = "0" * 64
"""Compared where an id is unknown, so that the answer takes as long."""
REFUSED = "the API key is not valid"

log = logging.getLogger(__name__)


class ApiKeys:
    """The keys of one folder. Raises `KeyFileError` if it cannot be read at the start.

    If it cannot be read again later, the last keys stay.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._looked = time.monotonic()
        self._seen = self._state()
        self._load()

    def identify(self, key: str) -> Identity:
        """The holder of a key. Raises `Unauthenticated`, which does not say what is wrong with it."""
        self._look()
        parts = split(key)
        if parts is None:
            raise Unauthenticated(REFUSED)
        record = self._records.get(parts[0])
        stored = NOBODY if record is None else record.hash
        if not hmac.compare_digest(digest(self._pepper, parts[1]), stored) or record is None:
            raise Unauthenticated(REFUSED)
        if record.state(time.time()) != "active":
            raise Unauthenticated(REFUSED)
        return self._holders[record.id]

    def _look(self) -> None:
        """Read the files again if they have changed."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self._load()
            log.info("API keys read again: %d", len(self._records))
        except KeyFileError as cause:
            log.error("the API keys stay as they were: %s", cause)

    def _load(self) -> None:
        self._pepper, found = read(self._folder)
        self._records: dict[str, KeyRecord] = {record.id: record for record in found.keys}
        self._holders = {
            record.id: Identity(record.subject, f"key:{record.id}", record.tenant, frozenset(record.scopes))
            for record in found.keys
        }

    def _state(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stat(self._folder / name) for name in (KEYS, PEPPER))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
