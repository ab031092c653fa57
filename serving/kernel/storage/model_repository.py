"""Reads the model repository: `<app>/<version>/` folders in Triton's layout with a manifest in each.

Read-only. Training writes it (atomically, see `training/publish/repository.py`), so a version folder that is there
is whole; whether it is what was published is checked by digest.
"""

from __future__ import annotations

from pathlib import Path

from serving.kernel.storage.version_files import (
    Refused,
    decode_aliases,
    decode_golden,
    read_manifest,
    verify_folder,
)
from serving.kernel.storage.version_manifest import (
    ALIASES_NAME,
    GOLDEN_NAME,
    MANIFEST_NAME,
    Aliases,
    GoldenRow,
    Manifest,
)

__all__ = ["Repository"]


class Repository:
    """A view of one repository folder; every call looks at the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, app: str, version: int) -> Path:
        """Where a version is kept."""
        return self.root / app / str(version)

    def versions(self, app: str) -> list[int]:
        """Numbers of the versions that are there, ascending."""
        folder = self.root / app
        if not folder.is_dir():
            return []
        return sorted(int(item.name) for item in folder.iterdir() if item.name.isdigit() and item.is_dir())

    def aliases(self, app: str) -> Aliases:
        """Which versions are champion and challenger; none where there is no file. Raises `Refused`."""
        try:
            content = (self.root / app / ALIASES_NAME).read_bytes()
        except FileNotFoundError:
            content = None
        return decode_aliases(content)

    def manifest(self, app: str, version: int) -> Manifest:
        """A version's manifest, unverified. Raises `Refused`."""
        return read_manifest(self.folder(app, version), app, version)

    def verify(self, app: str, version: int) -> Manifest:
        """Check every file of a version against its manifest. Raises `Refused` naming the file."""
        manifest = self.manifest(app, version)
        verify_folder(self.folder(app, version), manifest)
        return manifest

    def golden(self, app: str, version: int) -> list[GoldenRow]:
        """The rows that training answered. Raises `Refused`."""
        try:
            content = (self.folder(app, version) / GOLDEN_NAME).read_bytes()
        except OSError as cause:
            raise Refused(f"{GOLDEN_NAME}: {cause}") from cause
        return decode_golden(content)

    def stamp(self, app: str, version: int) -> tuple[int, int]:
        """Changes when a version's manifest is replaced."""
        stat = (self.folder(app, version) / MANIFEST_NAME).stat()
        return (stat.st_mtime_ns, stat.st_ino)
