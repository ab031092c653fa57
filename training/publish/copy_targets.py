"""Where a copy of versions ends: a folder, written by the repository's own writer, or a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from serving.kernel.storage.version_manifest import MANIFEST_NAME, Manifest
from training.data.storage import Place
from training.errors import BucketError
from training.publish import repository
from training.publish.servable import ServableError, verify

__all__ = ["BucketEnd", "End", "FolderEnd"]


class End(Protocol):
    """What a copy asks of its target."""

    def intact(self, app: str, manifest: Manifest, files: Mapping[str, int]) -> bool:
        """Whether the version with this manifest is whole; `files` are the sizes of what lies there."""

    def put(self, app: str, number: int, folder: Path, manifest: Manifest) -> None:
        """Publish the version that lies in a checked folder."""

    def settle(self, app: str, papers: Mapping[str, bytes]) -> None:
        """Write the files that lie beside the versions, each in one step, in the order given."""

    def remove(self, app: str, number: int, files: Mapping[str, int]) -> None:
        """Take a version away."""


class FolderEnd:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def intact(self, app: str, manifest: Manifest, files: Mapping[str, int]) -> bool:
        """By digest."""
        try:
            verify(self._root / app / str(manifest.version))
        except ServableError:
            return False
        return True

    def put(self, app: str, number: int, folder: Path, manifest: Manifest) -> None:
        """Whole or not at all."""
        # Whether it may be written over was decided by its manifest, or it has none.
        replace = (self._root / app / str(number)).exists()
        repository.publish(folder, self._root, app, number, replace=replace)

    def settle(self, app: str, papers: Mapping[str, bytes]) -> None:
        """Under the writer's lock."""
        if papers:
            repository.settle(self._root, app, papers)

    def remove(self, app: str, number: int, files: Mapping[str, int]) -> None:
        """In one step for readers."""
        repository.remove(self._root, app, number)


class BucketEnd:
    """A prefix of a bucket."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def intact(self, app: str, manifest: Manifest, files: Mapping[str, int]) -> bool:
        """By name and size: digests would mean to read all of it. Whoever copies from here checks them."""
        return not self._wrong(manifest, files)

    def put(self, app: str, number: int, folder: Path, manifest: Manifest) -> None:
        """The manifest is written last, when all that it lists lies there with its size."""
        path = f"{app}/{number}"
        for name in manifest.files:
            self._place.send(folder / name, f"{path}/{name}")
        start = len(path) + 1
        files = {name[start:]: size for name, size in self._place.files(path).items()}
        if wrong := self._wrong(manifest, files):
            raise BucketError(f"{self._place.shown}/{path}/{wrong}: was not kept as it was sent; repeat")
        self._place.write(f"{path}/{MANIFEST_NAME}", (folder / MANIFEST_NAME).read_bytes())

    def settle(self, app: str, papers: Mapping[str, bytes]) -> None:
        """One object each."""
        for name, content in papers.items():
            self._place.write(f"{app}/{name}", content)

    def remove(self, app: str, number: int, files: Mapping[str, int]) -> None:
        """The manifest goes first: without it there is no version."""
        names = sorted(files, key=lambda name: name != MANIFEST_NAME)
        self._place.remove([f"{app}/{number}/{name}" for name in names])

    def _wrong(self, manifest: Manifest, files: Mapping[str, int]) -> str:
        """The first file that is missing or of another size; empty when there is none."""
        sizes = {name: digest.bytes for name, digest in manifest.files.items()}
        return next((name for name, size in sizes.items() if files.get(name) != size), "")
