"""Pack a folder into a reproducible archive, which holds a list of checksums."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from pathlib import Path

__all__ = ["SUMS", "write_archive", "write_sums"]

SUMS = "SHA256SUMS"
TIME = 315532800
"""1980-01-01, the earliest time that every archive format can hold. A fixed time makes archives reproducible."""


def write_sums(folder: Path) -> Path:
    """Write `SHA256SUMS` with the digest of every other file, in the format of `sha256sum --check`."""
    target = folder / SUMS
    target.unlink(missing_ok=True)
    lines = [f"{_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in _files(folder)]
    target.write_text("".join(lines))
    return target


def write_archive(folder: Path, target: Path) -> None:
    """Pack `folder`, under its own name, into `target` (.tar.gz), which is replaced atomically."""
    partial = target.with_name(f".{target.name}.part")
    try:
        with (
            partial.open("wb") as stream,
            gzip.GzipFile("", "wb", 9, stream, mtime=0) as packed,
            tarfile.open(mode="w", fileobj=packed, format=tarfile.GNU_FORMAT) as archive,
        ):
            for path in _files(folder):
                _add(archive, path, f"{folder.name}/{path.relative_to(folder).as_posix()}")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = path.stat().st_size, TIME, 0o644
    with path.open("rb") as content:
        archive.addfile(entry, content)


def _files(folder: Path) -> list[Path]:
    sums = folder / SUMS
    found = [path for path in folder.rglob("*") if path.is_file() and path != sums]
    found.sort(key=lambda path: path.relative_to(folder).as_posix())
    return [*found, sums] if sums.is_file() else found


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
