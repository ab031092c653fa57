"""The API keys that a gateway accepts, read from a folder and read again when it changes."""

from __future__ import annotations

import hmac
import logging
import math
import time
from pathlib import Path
from typing import NamedTuple

from serving.edge.identity.identity import Identity
from serving.edge.identity.key_file import KEYS, PEPPER, KeyFileError, KeyRecord, digest, read, split
from serving.edge.identity.last_use import LastUse
from serving.edge.identity.limits import Limits, Meter
from serving.kernel.errors import Unauthenticated

__all__ = ["ApiKeys"]

LOOK_SECONDS = 1.0
NOBODY = "0" * 64
"""Compared where an id is unknown, so that the answer takes as long."""
REFUSED = "the API key is not valid"

log = logging.getLogger(__name__)


class _Verified(NamedTuple):
    """A key that was shown and is in the file."""

    id: str
    holder: Identity
    ends: float
    """Unix seconds when it expires or was revoked."""


class ApiKeys:
    """The keys of one folder. Raises `KeyFileError` if it cannot be read at the start.

    If it cannot be read again later, the last keys stay.
    """

    def __init__(self, folder: Path, last_use: LastUse | None = None) -> None:
        """`last_use` is told of each use; None: nobody is."""
        self._folder = folder
        self._last_use = last_use
        self._meters: dict[str, Meter] = {}
        self._looked = time.monotonic()
        self._seen = self._state()
        self._load()

    def identify(self, key: str) -> Identity:
        """The holder of a key. Raises `Unauthenticated`, which does not say what is wrong with it."""
        self._look()
        found = self._verified.get(key) or self._verify(key)
        now = time.time()
        if found.ends <= now:
            raise Unauthenticated(REFUSED)
        if self._last_use is not None:
            self._last_use.note(found.id, now)
        return found.holder

    def close(self) -> None:
        """Write down what was used last."""
        if self._last_use is not None:
            self._last_use.close()

    def _verify(self, key: str) -> _Verified:
        parts = split(key)
        if parts is None:
            raise Unauthenticated(REFUSED)
        record = self._records.get(parts[0])
        stored = NOBODY if record is None else record.hash
        if not hmac.compare_digest(digest(self._pepper, parts[1]), stored) or record is None:
            raise Unauthenticated(REFUSED)
        ends = min(record.expires or math.inf, record.revoked or math.inf)
        made = self._verified[key] = _Verified(record.id, self._holders[record.id], ends)
        return made

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
        # A key whose limits have not changed goes on with what it has used.
        self._meters = {one.id: self._meter(one) for one in found.keys if one.limits != Limits()}
        self._verified: dict[str, _Verified] = {}
        """Valid keys that were shown since: Python hashes texts with a secret, so that nothing can be timed."""
        self._holders = {one.id: self._holder(one) for one in found.keys}

    def _meter(self, record: KeyRecord) -> Meter:
        known = self._meters.get(record.id)
        return known if known is not None and known.limits == record.limits else Meter(record.limits)

    def _holder(self, record: KeyRecord) -> Identity:
        meter, scopes = self._meters.get(record.id), frozenset(record.scopes)
        return Identity(record.subject, f"key:{record.id}", record.tenant, scopes, meter=meter)

    def _state(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stat(self._folder / name) for name in (KEYS, PEPPER))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
