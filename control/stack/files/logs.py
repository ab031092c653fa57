"""The parts' log files."""

from __future__ import annotations

from pathlib import Path

from control.stack.files.layout import Layout

__all__ = ["set_aside", "tail"]

BLOCK = 64 * 1024


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a file; empty if there is no file. It reads only the end, also of large files."""
    try:
        with path.open("rb") as stream:
            end = stream.seek(0, 2)
            data = b""
            while end > 0 and data.count(b"\n") <= lines:
                start = max(0, end - BLOCK)
                stream.seek(start)
                data = stream.read(end - start) + data
                end = start
    except FileNotFoundError:
        return ""
    return "\n".join(data.decode(errors="replace").splitlines()[-lines:]) if lines > 0 else ""


def set_aside(layout: Layout, part: str) -> None:
    """Rename the old log to the first rotated log, so that the tail of the new log belongs to this start."""
    log = layout.log(part)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
