"""The files in which processes share metric values, with their space on the disk reserved.

prometheus_client maps files that are longer than what is on the disk. On a full disk, writing to such a page kills
the process with SIGBUS. Here space is reserved first; without space, values stay in the memory of this process.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import IO, Any
from weakref import WeakSet

from prometheus_client import mmap_dict, values

__all__ = ["ReservedDict", "install"]

log = logging.getLogger(__name__)


class _ReservingFile:
    """A file that grows by reserving space. Raises `OSError` if there is none."""

    def __init__(self, name: str, mode: str) -> None:
        self._file: IO[bytes] = open(name, mode)  # noqa: SIM115 - `close` is called by its owner

    def fileno(self) -> int:
        """See `io.IOBase`."""
        return self._file.fileno()

    def truncate(self, size: int) -> None:
        """Make the file `size` bytes long, all of them on the disk."""
        os.posix_fallocate(self._file.fileno(), 0, size)

    def close(self) -> None:
        """See `io.IOBase`."""
        self._file.close()


class ReservedDict(mmap_dict.MmapedDict):
    """prometheus_client's dictionary in a file. What has no space there is kept in memory and not shared."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self._unshared: dict[str, tuple[float, float]] = {}
        self._positions: dict[str, int] = {}
        self._f: Any = None
        self._m: Any = None
        try:
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        except OSError as cause:
            self._say(filename, cause)
            self._give_up(Path(filename))

    def read_value(self, key: str) -> tuple[float, float]:
        """The value and its time."""
        if key not in self._positions and not self._has_room_for(key):
            return self._unshared[key]
        found: tuple[float, float] = super().read_value(key)  # type: ignore[no-untyped-call]
        return found

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Set the value and its time."""
        if key not in self._positions and not self._has_room_for(key):
            self._unshared[key] = (value, timestamp)
        else:
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]

    def _has_room_for(self, key: str) -> bool:
        """Add a new key to the file; False: it is kept in memory, now and later."""
        if key in self._unshared:
            return False
        if self._m is not None:
            try:
                self._init_value(key)  # type: ignore[no-untyped-call]
            except OSError as cause:
                self._capacity = len(self._m)
                self._say(self._fname, cause)
            else:
                return True
        self._unshared[key] = (0.0, 0.0)
        return False

    def _give_up(self, path: Path) -> None:
        """Leave no empty file, which a scrape could not read."""
        if self._f is not None:
            self._f.close()
            self._f = None
        if path.exists() and path.stat().st_size == 0:
            path.unlink()

    def _say(self, path: str, cause: OSError) -> None:
        if not self._unshared:
            log.error(
                "metrics: %s: %s; new series of this process are not exported until it is restarted",
                path,
                os.strerror(cause.errno or errno.EIO),
            )


class _Living(WeakSet[Any]):
    """A list of values that nothing else may have forgotten."""

    append = WeakSet.add


def install() -> None:
    """Let prometheus_client use these files. Call it before the first metric is made."""
    vars(mmap_dict)["open"] = _open
    vars(values)["MmapedDict"] = ReservedDict
    made: Any = vars(values.ValueClass)["__init__"]
    # It keeps every value for ever, to begin again after a fork; those of dropped series must go.
    for name, cell in zip(made.__code__.co_freevars, made.__closure__ or (), strict=True):
        if name == "values" and isinstance(cell.cell_contents, list):
            cell.cell_contents = _Living(cell.cell_contents)


def _open(name: str, mode: str) -> Any:
    return open(name, mode) if mode == "rb" else _ReservingFile(name, mode)
