"""Temporary folders that are removed later even when their process is killed."""

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
    """A new folder in `parent` (default: the system's temporary folder), removed after the block.

    The process holds a lock in it while it lives. Folders with the same prefix whose lock is free are removed
    first. Folders without a lock file belong to other programs and stay.
    """
    root = (parent or Path(tempfile.gettempdir())).resolve()
    _sweep(root, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    try:
        with (folder / f"{OWNER}.new").open("w") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            # The lock file gets its name once it is locked, so nobody sees it unlocked.
            os.replace(folder / f"{OWNER}.new", folder / OWNER)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path, prefix: str) -> None:
    """Remove this user's folders whose process has ended."""
    for folder in root.glob(f"{prefix}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            with (folder / OWNER).open() as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
