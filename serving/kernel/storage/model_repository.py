"""Reads the model repository: folders `<app>/<version>/` in Triton's layout, each with a manifest.

Training writes a version in one step (see `training/publish/repository.py`), so a version folder that exists is
complete. Digests show whether its files are still those that were published.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from serving.kernel.storage.version_files import (
    Refused,
    decode_aliases,
    decode_golden,
    read_file,
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

__all__ = ["NAME", "Repository"]

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
"""The name of a model's folder."""
NUMBER = re.compile(r"[1-9][0-9]{0,14}")
"""The name of a version's folder."""


class Repository:
    """One repository folder. Every call reads the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, app: str, version: int) -> Path:
        """The folder of a version, whether or not it exists."""
        return self.root / app / str(version)

    def models(self) -> list[str]:
        """The names of the models that have a folder, sorted; a model may have no version."""
        return sorted(_folders(self.root, NAME))

    def versions(self, app: str) -> list[int]:
        """The numbers of the versions in the repository, ascending."""
        return sorted(map(int, _folders(self.root / app, NUMBER)))

    def aliases(self, app: str) -> Aliases:
        """Which versions are champion and challenger; both are None if there is no file. Raises `Refused`."""
        return decode_aliases(read_file(self.root / app / ALIASES_NAME))

    def manifest(self, app: str, version: int) -> Manifest:
        """A version's manifest, unverified. Raises `Refused`."""
        return read_manifest(self.folder(app, version), app, version)

    def verify(self, app: str, version: int) -> Manifest:
        """Check every file of a version against its manifest. Raises `Refused` naming the file."""
        manifest = self.manifest(app, version)
        verify_folder(self.folder(app, version), manifest)
        return manifest

    def golden(self, app: str, version: int) -> list[GoldenRow]:
        """The questions that training answered, with its answers. Raises `Refused`."""
        content = read_file(self.folder(app, version) / GOLDEN_NAME)
        if content is None:
            raise Refused(f"{GOLDEN_NAME}: there is no such file")
        return decode_golden(content)

    def stamp(self, app: str, version: int) -> tuple[int, int]:
        """A value that changes when a version's manifest is replaced. Raises `OSError`."""
        stat = os.stat(f"{self.root}/{app}/{version}/{MANIFEST_NAME}")
        return (stat.st_mtime_ns, stat.st_ino)


def _folders(parent: Path, name: re.Pattern[str]) -> list[str]:
    """The names of the folders in one that match; none if it is not there. Raises `OSError`.

    A gateway lists the folder of every model once a second.
    """
    try:
        with os.scandir(parent) as items:
            return [item.name for item in items if name.fullmatch(item.name) and item.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
