"""Targets of a copy of versions: a folder, written by the repository's own writer, or a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from serving.kernel.storage.version_manifest import MANIFEST_NAME, SIGNATURE_NAME, Manifest
from training.data.storage import Location
from training.errors import StorageError
from training.publish import repository
from training.publish.servable import ServableError, verify

__all__ = ["BucketTarget", "CopyTarget", "FolderTarget"]


class CopyTarget(Protocol):
    """What a copy needs of its target."""

    def intact(self, app: str, manifest: Manifest, files: Mapping[str, int]) -> bool:
        """Whether the version with this manifest is complete; `files` are the sizes of the files it has there."""

    def put(self, app: str, number: int, folder: Path, manifest: Manifest) -> None:
        """Publish the version in a folder that was verified."""

    def write_app_files(self, app: str, files: Mapping[str, bytes]) -> None:
        """Write the files beside the versions, each in one step, in the order given."""

    def remove(self, app: str, number: int, files: Mapping[str, int]) -> None:
        """Remove a version."""


class FolderTarget:
    """A local folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def intact(self, app: str, manifest: Manifest, files: Mapping[str, int]) -> bool:
        """Compare digests."""
        try:
            verify(self._root / app / str(manifest.version))
        except ServableError:
            return False
        return True

    def put(self, app: str, number: int, folder: Path, manifest: Manifest) -> None:
        """The version appears whole or not at all."""
        # An existing folder has the same manifest (the caller compared them) or none.
        replace = (self._root / app / str(number)).exists()
        repository.publish(folder, self._root, app, number, replace=replace)

    def write_app_files(self, app: str, files: Mapping[str, bytes]) -> None:
        """Hold the writer's lock meanwhile."""
        if files:
            repository.write_app_files(self._root, app, files)

    def remove(self, app: str, number: int, files: Mapping[str, int]) -> None:
        """Readers see the version disappear in one step."""
        repository.remove(self._root, app, number)


class BucketTarget:
    """A prefix in a bucket."""

    def __init__(self, location: Location) -> None:
        self._location = location

    def intact(self, app: str, manifest: Manifest, files: Mapping[str, int]) -> bool:
        """Compare names and sizes. Digests would require reading every file; a copy from here verifies them."""
        return not self._wrong(manifest, files)

    def put(self, app: str, number: int, folder: Path, manifest: Manifest) -> None:
        """Write the manifest last, once every file that it lists is there with the right size."""
        path = f"{app}/{number}"
        for name in manifest.files:
            self._location.send(folder / name, f"{path}/{name}")
        start = len(path) + 1
        files = {name[start:]: size for name, size in self._location.files(path).items()}
        if wrong := self._wrong(manifest, files):
            raise StorageError(f"{self._location.shown}/{path}/{wrong}: was not stored as it was sent; repeat")
        if (folder / SIGNATURE_NAME).exists():
            self._location.write(f"{path}/{SIGNATURE_NAME}", (folder / SIGNATURE_NAME).read_bytes())
        self._location.write(f"{path}/{MANIFEST_NAME}", (folder / MANIFEST_NAME).read_bytes())

    def write_app_files(self, app: str, files: Mapping[str, bytes]) -> None:
        """Write one object for each file."""
        for name, content in files.items():
            self._location.write(f"{app}/{name}", content)

    def remove(self, app: str, number: int, files: Mapping[str, int]) -> None:
        """Remove the manifest first: without it the version does not exist."""
        names = sorted(files, key=lambda name: name != MANIFEST_NAME)
        self._location.remove([f"{app}/{number}/{name}" for name in names])

    def _wrong(self, manifest: Manifest, files: Mapping[str, int]) -> str:
        """The first file that is missing or has another size; empty when there is none."""
        sizes = {name: digest.bytes for name, digest in manifest.files.items()}
        return next((name for name, size in sizes.items() if files.get(name) != size), "")
