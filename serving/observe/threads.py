"""Names of threads for the operating system, which Python sets itself from version 3.14 on."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

__all__ = ["name_thread"]


def name_thread(name: str) -> None:
    """Name the calling thread in `top -H` and /proc, with at most 15 characters; does nothing on other systems."""
    with contextlib.suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name)
