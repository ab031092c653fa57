"""Reads the model repository: folders `<app>/<version>/` in Triton's layout, each with a manifest.

Training writes a version in one step (see `training/publish/repository.py`), so a version folder that exists is
complete. Digests show whether its files are still those that were published.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from serving.kernel.storage.signatures import Signatures
from serving.kernel.storage.version_files import (
    Refused,
    decode_aliases,
    decode_golden,
    decode_manifest,
    identify_files,
    read_file,
    read_manifest,
    verify_folder,
)
from serving.kernel.storage.version_manifest import (
    ALIASES_NAME,
    GOLDEN_NAME,
    MANIFEST_NAME,
    SIGNATURE_NAME,
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

    def __init__(self, root: Path, signatures: Signatures | None = None) -> None:
        """`signatures` says which versions and aliases count; None: all that are whole."""
        self.root = root
        self._signatures = signatures

    @property
    def guarded(self) -> bool:
        """Whether only signed aliases and versions count."""
        return self._signatures is not None and self._signatures.enforced

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
        found = decode_aliases(read_file(self.root / app / ALIASES_NAME))
        if self._signatures is not None:
            self._signatures.check_aliases(app, found)
        return found

    def manifest(self, app: str, version: int) -> Manifest:
        """A version's manifest, unverified. Raises `Refused`."""
        return read_manifest(self.folder(app, version), app, version)

    def verify(self, app: str, version: int) -> Manifest:
        """Check every file of a version against its manifest, and that against its signature, where one is needed.

        Raises `Refused` naming the file.
        """
        folder = self.folder(app, version)
        content = read_file(folder / MANIFEST_NAME)
        if content is None:
            raise Refused(f"{MANIFEST_NAME}: there is no such file")
        manifest = decode_manifest(content, app, version)
        if self._signatures is not None:
            signature = read_file(folder / SIGNATURE_NAME)
            self._signatures.check_manifest(content, signature, f"{app} version {version}")
        verify_folder(folder, manifest)
        return manifest

    def identity(self, app: str, version: int) -> object:
        """What changes when a file of a version is replaced or written to. Raises `Refused`.

        Equal before `verify` and after a version was loaded: what was loaded is what was verified.
        """
        return identify_files(self.folder(app, version))

    def golden(self, app: str, version: int) -> list[GoldenRow]:
        """The questions that training answered, with its answers. Raises `Refused`."""
        content = read_file(self.folder(app, version) / GOLDEN_NAME)
        if content is None:
            raise Refused(f"{GOLDEN_NAME}: there is no such file")
        return decode_golden(content)

    def stamp(self, app: str, version: int, known: object = None) -> object:
        """A value that changes when a version's manifest or signature is replaced. Raises `OSError`.

        `known` is that of a loaded version: it stays as long as what took the version's place does not count.
        """
        found = self._stamp(app, version)
        if self.guarded and known not in (None, found):
            try:
                self.verify(app, version)
            except Refused:
                return known
        return found

    def _stamp(self, app: str, version: int) -> tuple[int, ...]:
        folder = f"{self.root}/{app}/{version}"
        stat = os.stat(f"{folder}/{MANIFEST_NAME}")
        if self._signatures is None:
            return (stat.st_mtime_ns, stat.st_ino)
        try:
            signed = os.stat(f"{folder}/{SIGNATURE_NAME}")
        except FileNotFoundError:
            return (stat.st_mtime_ns, stat.st_ino)
        return (stat.st_mtime_ns, stat.st_ino, signed.st_mtime_ns, signed.st_ino)


def _folders(parent: Path, name: re.Pattern[str]) -> list[str]:
    """The names of the folders in one that match; none if it is not there. Raises `OSError`.

    A gateway lists the folder of every model once a second.
    """
    try:
        with os.scandir(parent) as items:
            return [item.name for item in items if name.fullmatch(item.name) and item.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
