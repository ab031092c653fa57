"""A cache on disk whose entries are folders of derived files.

It holds ONNX Runtime's optimised graphs: an entry has a graph, optimised for this CPU, and its weights, which
later sessions map into memory instead of preparing them again. An entry is written under a temporary name and then
renamed, together with the size and a checksum of every file, so that an incomplete or damaged entry is detected
and deleted. The cache is optional: if the disk is full or read-only, a warning is logged and nothing is cached.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

__all__ = ["GraphCache"]

SEAL = "entry.json"
LIMIT_BYTES = 4 * 2**30
ABANDONED_SECONDS = 3600.0
"""The age at which an unfinished entry, left by a killed process, is deleted."""

log = logging.getLogger("serving.models.backends.graph_cache")

Seal = dict[str, tuple[int, int]]
"""File name to size and checksum, for every file of an entry."""


class GraphCache:
    """Entries by key. The least recently used are deleted when all together exceed `limit_bytes`."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit = limit_bytes

    def find(self, key: str) -> Path | None:
        """The folder of an entry; None if there is none. A damaged entry is deleted."""
        entry = self._folder / key
        if not entry.exists():
            return None
        try:
            seal = msgspec.json.decode((entry / SEAL).read_bytes(), type=Seal)
            changed = [name for name, found in seal.items() if _measure(entry / name) != found]
        except (OSError, msgspec.MsgspecError) as cause:
            self.discard(key, str(cause))
            return None
        if changed:
            self.discard(key, f"{changed[0]} was changed after it was written")
            return None
        with suppress(OSError):  # a cache that came with the image may be read-only
            os.utime(entry / SEAL)
        return entry

    def write(self, key: str, make: Callable[[Path], None]) -> Path | None:
        """Let `make` fill a folder, and store it as an entry.

        Returns None and logs a warning if the disk or `make` raises `OSError`.
        """
        partial = self._folder / f".{key}.{os.getpid()}.{secrets.token_hex(4)}"
        entry = self._folder / key
        try:
            partial.mkdir(parents=True)
            make(partial)
            _seal(partial)
            if not entry.exists():  # another process may have written it already
                partial.rename(entry)
            self._prune(keep=entry)
        except OSError as cause:
            log.warning("nothing is cached in %s: %s", self._folder, cause)
            return None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return entry

    def discard(self, key: str, reason: str) -> None:
        """Delete an entry. Sessions that have it open continue."""
        log.warning("cache entry %s is deleted: %s", key, reason)
        shutil.rmtree(self._folder / key, ignore_errors=True)

    def _prune(self, keep: Path) -> None:
        used: list[tuple[float, int, Path]] = []
        for entry in self._folder.iterdir():
            if entry.name.startswith("."):
                if time.time() - entry.stat().st_mtime > ABANDONED_SECONDS:
                    shutil.rmtree(entry, ignore_errors=True)
            elif (entry / SEAL).exists():
                size = sum(path.stat().st_size for path in entry.iterdir())
                used.append(((entry / SEAL).stat().st_mtime, size, entry))
        total = sum(size for _, size, _ in used)
        for _, size, entry in sorted(used):
            if total <= self._limit:
                break
            if entry != keep:
                shutil.rmtree(entry, ignore_errors=True)
                total -= size


def _seal(folder: Path) -> None:
    """Write the size and checksum of every file, and flush all of them to the disk."""
    paths = sorted(folder.iterdir())
    seal = {path.name: _measure(path) for path in paths}
    (folder / SEAL).write_bytes(msgspec.json.encode(seal))
    for path in [*paths, folder / SEAL]:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def _measure(path: Path) -> tuple[int, int]:
    """A file's size and the sum of its 64-bit words, which detects damage ten times as fast as a digest."""
    size = path.stat().st_size
    words = np.memmap(path, np.uint64, "r", shape=(size // 8,)) if size >= 8 else np.empty(0, np.uint64)
    with path.open("rb") as stream:
        stream.seek(size // 8 * 8)
        rest = int.from_bytes(stream.read(), "little")
    return size, (int(np.add.reduce(words, dtype=np.uint64)) + rest) % 2**64
