"""Folders and files that only the user who makes them can read."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["opener", "private_folder", "write_private"]


def private_folder(path: Path) -> Path:
    """Make a folder that others cannot enter, and those above it. An existing folder keeps its mode."""
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def opener(path: str, flags: int) -> int:
    """For `open(..., opener=opener)`: a new file has mode 0600."""
    return os.open(path, flags, 0o600)


def write_private(path: Path, content: bytes) -> None:
    """Write a file; a new one has mode 0600."""
    with open(path, "wb", opener=opener) as stream:
        stream.write(content)
