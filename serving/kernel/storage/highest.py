"""A small file of names with numbers that only rise, shared by the processes of a machine."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from serving.kernel.storage.private_files import opener, private_folder

__all__ = ["raise_numbers", "read_numbers"]

MOST_NAMES = 20_000


def raise_numbers(path: Path, found: Mapping[str, float]) -> None:
    """Put the numbers into the file where they are higher than what it has. Raises `OSError`.

    Of more than `MOST_NAMES` names, those with the highest numbers stay.
    """
    private_folder(path.parent)
    with open(path.with_suffix(".lock"), "a", opener=opener) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old = read_numbers(path)
        highest = {name: max(old.get(name, 0.0), found.get(name, 0.0)) for name in old.keys() | found.keys()}
        kept = dict(sorted(highest.items(), key=lambda item: item[1])[-MOST_NAMES:])
        new = path.with_suffix(f".{os.getpid()}")
        with open(new, "wb", opener=opener) as file:
            file.write(msgspec.json.encode(kept))
        new.replace(path)


def read_numbers(path: Path) -> dict[str, float]:
    """Name -> number; empty where nothing, or nothing readable, was written."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, float])
    except (OSError, msgspec.DecodeError):
        return {}
