"""Folders for the time of a block that a killed process does not leave behind for good."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["scratch"]

OWNER = ".owner"


@contextmanager
def scratch(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder below `parent` (default: the system's place for such), gone at the end of the block.

    Its owner holds a lock in it, which ends with the process. Those of the same prefix whose owner is gone are
    removed first; what has no lock is somebody else's.
    """
    place = (parent or Path(tempfile.gettempdir())).resolve()
    _sweep(place, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        with (folder / f"{OWNER}.new").open("w") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            # Nobody sees it before it is locked.
            os.replace(folder / f"{OWNER}.new", folder / OWNER)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: Path, prefix: str) -> None:
    """Remove the folders of this user whose owner is gone."""
    for folder in place.glob(f"{prefix}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            with (folder / OWNER).open() as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
