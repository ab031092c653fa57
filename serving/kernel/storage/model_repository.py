"""Reads the model repository: `<app>/<version>/` folders in Triton's layout with a manifest in each.

Read-only. Training writes it (atomically, see `training/publish/repository.py`), so a version folder that is there
is whole; whether it is what was published is checked by digest.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from serving.kernel.storage.version_manifest import (
    GOLDEN_NAME,
    MANIFEST_NAME,
    Aliases,
    GoldenRow,
    Manifest,
    difference,
)

__all__ = ["Refused", "Repository"]


class Refused(Exception):
    """A version is not what was published, or does not answer as it did when it was trained."""


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
        """Who is champion and challenger. Raises `Refused` if the file cannot be read as such."""
        path = self.root / app / "aliases.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Aliases)
        except FileNotFoundError:
            return Aliases()
        except msgspec.MsgspecError as cause:
            raise Refused(f"aliases.json: {cause}") from cause

    def manifest(self, app: str, version: int) -> Manifest:
        """A version's manifest, unverified. Raises `Refused`."""
        path = self.folder(app, version) / MANIFEST_NAME
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as cause:
            raise Refused(f"{MANIFEST_NAME}: {cause}") from cause
        if (manifest.model, manifest.version) != (app, version):
            raise Refused(f"{MANIFEST_NAME} is of {manifest.model} version {manifest.version}")
        return manifest

    def verify(self, app: str, version: int) -> Manifest:
        """Check every file of a version against its manifest. Raises `Refused` naming the file."""
        manifest = self.manifest(app, version)
        problem = difference(self.folder(app, version), manifest)
        if problem:
            raise Refused(problem)
        return manifest

    def golden(self, app: str, version: int) -> list[GoldenRow]:
        """The rows that training answered. Raises `Refused`."""
        path = self.folder(app, version) / GOLDEN_NAME
        try:
            return msgspec.json.Decoder(GoldenRow).decode_lines(path.read_bytes())
        except (OSError, msgspec.MsgspecError) as cause:
            raise Refused(f"{GOLDEN_NAME}: {cause}") from cause

    def stamp(self, app: str, version: int) -> tuple[int, int]:
        """Changes when a version's manifest is replaced."""
        stat = (self.folder(app, version) / MANIFEST_NAME).stat()
        return (stat.st_mtime_ns, stat.st_ino)
