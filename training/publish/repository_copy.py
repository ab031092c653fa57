"""Copying a model repository between folders and buckets: versions whole or not at all, aliases last.

A version of a bucket is there once its `manifest.json` is: that is written last, and removed first. Every file is
checked against the manifest on its way. What a target holds is never written over with something else.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from serving.kernel.storage.version_files import Refused, decode_aliases, decode_manifest
from serving.kernel.storage.version_manifest import ALIASES_NAME, MANIFEST_NAME, Manifest
from training.data.storage import Place
from training.publish.copy_targets import BucketEnd, End, FolderEnd
from training.publish.repository import PROMOTIONS_NAME, Change, RepositoryError
from training.publish.servable import verify

__all__ = ["apps_of", "copy"]

CONFIG_NAME = "config.pbtxt"
FILE = re.compile(r"([A-Za-z0-9][\w-]*)/([1-9]\d*)/(.+)")
"""`<app>/<version>/<file>`; anything else, such as what a publication under way has written, is passed over."""


@dataclass
class Held:
    """What a place holds of one app: each version's files with their sizes; a version may lack its manifest."""

    versions: dict[int, dict[str, int]] = field(default_factory=dict)

    def whole(self) -> list[int]:
        """Versions that were published to their end, ascending."""
        return sorted(number for number, files in self.versions.items() if MANIFEST_NAME in files)


def copy(source: str, target: str, apps: Sequence[str] = (), prune: bool = False) -> list[Change]:
    """Make `target` hold what `source` holds: versions, `config.pbtxt`, the record of promotions and aliases.

    Versions that only the target has are left alone, unless `prune`. Raises `RepositoryError` where the two
    contradict each other, `ServableError` for a file that does not match its digest, and `BucketError`.
    """
    here, there = Place.of(source), Place.of(target)
    if f"{there.root}/".startswith(f"{here.root}/") or f"{here.root}/".startswith(f"{there.root}/"):
        raise RepositoryError(f"{source} and {target}: one lies in the other")
    found = _held(here, apps)
    absent = [app for app in apps if app not in found] or ([] if found else ["any app"])
    if absent:
        raise RepositoryError(f"{source}: holds no version of {absent[0]}; check the name")
    known = _held(there, sorted(found))
    end: End = FolderEnd(there.folder) if there.folder else BucketEnd(there)
    changes = []
    for app in sorted(found):
        changes += _App(here, there, end, app, found[app], known.get(app, Held())).copy(prune)
    return changes


def apps_of(place: str) -> list[str]:
    """Apps with a version that was published to its end. Raises `BucketError`."""
    return sorted(_held(Place.of(place), ()))


@dataclass(frozen=True)
class _App:
    """The copy of one app."""

    source: Place
    target: Place
    end: End
    app: str
    found: Held
    known: Held

    def copy(self, prune: bool) -> list[Change]:
        follows = self._follows()
        numbers = self.found.whole()
        changes = [Change(self.app, number, self._copy_version(number)) for number in numbers]
        if follows:
            self.end.settle(self.app, self._papers(numbers))
        for number in sorted(set(self.known.whole()) - set(numbers)):
            if prune:
                self.end.remove(self.app, number, self.known.versions[number])
            changes.append(Change(self.app, number, "removed" if prune else "unknown"))
        return changes

    def _follows(self) -> bool:
        """Whether the source's aliases are the later ones: the record of promotions is only ever added to."""
        ours, theirs = (place.read(f"{self.app}/{PROMOTIONS_NAME}") or b"" for place in (self.source, self.target))
        if ours.startswith(theirs):
            return True
        if theirs.startswith(ours):
            return False
        raise RepositoryError(
            f"{self.app}/{PROMOTIONS_NAME}: {self.source.shown} and {self.target.shown} were promoted in "
            "independently; keep the record that is right in both, then repeat"
        )

    def _copy_version(self, number: int) -> str:
        path = f"{self.app}/{number}"
        sealed = self.source.read(f"{path}/{MANIFEST_NAME}") or b""
        manifest = self._manifest(sealed, number)
        files = self.known.versions.get(number, {})
        published = self.target.read(f"{path}/{MANIFEST_NAME}") if MANIFEST_NAME in files else None
        if published is not None and published != sealed:
            raise RepositoryError(
                f"{path}: {self.target.shown} holds another version of that number than {self.source.shown}; "
                "nothing was written over it: remove the one that is wrong"
            )
        if published is not None and self.end.intact(self.app, manifest, files):
            return "kept"
        with self._checked(path, sealed, manifest) as folder:
            self.end.put(self.app, number, folder, manifest)
        return "written" if published is None else "repaired"

    def _manifest(self, sealed: bytes, number: int) -> Manifest:
        shown = f"{self.source.shown}/{self.app}/{number}"
        try:
            manifest = decode_manifest(sealed, self.app, number)
        except Refused as cause:
            raise RepositoryError(f"{shown}/{cause}") from cause
        for name in manifest.files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
                raise RepositoryError(f"{shown}/{MANIFEST_NAME}: the file name {name!r} leaves its folder")
        return manifest

    @contextmanager
    def _checked(self, path: str, sealed: bytes, manifest: Manifest) -> Iterator[Path]:
        """The version as a folder of this machine whose every digest is right."""
        if self.source.folder:
            verify(self.source.folder / path)
            yield self.source.folder / path
            return
        with tempfile.TemporaryDirectory(prefix="slipway-sync-") as scratch:
            folder = Path(scratch) / PurePosixPath(path).name
            for name in manifest.files:
                self.source.fetch(f"{path}/{name}", folder / name)
            (folder / MANIFEST_NAME).write_bytes(sealed)
            verify(folder)
            yield folder

    def _papers(self, numbers: Sequence[int]) -> Mapping[str, bytes]:
        """What lies beside the versions, in the order of writing: nothing names a version that is not there."""
        papers = {}
        for name in (CONFIG_NAME, PROMOTIONS_NAME, ALIASES_NAME):
            content = self.source.read(f"{self.app}/{name}")
            if content is None:
                continue
            if name == ALIASES_NAME:
                self._check_aliases(content, numbers)
            if content != self.target.read(f"{self.app}/{name}"):
                papers[name] = content
        return papers

    def _check_aliases(self, content: bytes, numbers: Sequence[int]) -> None:
        shown = f"{self.source.shown}/{self.app}"
        try:
            aliases = decode_aliases(content)
        except Refused as cause:
            raise RepositoryError(f"{shown}/{cause}") from cause
        for number in (aliases.champion, aliases.challenger):
            if number is not None and number not in numbers:
                raise RepositoryError(f"{shown}/{ALIASES_NAME}: names version {number}, which is not there")


def _held(place: Place, apps: Sequence[str]) -> dict[str, Held]:
    """App -> what the place holds of it, if a whole version; of these apps only, when some are named."""
    found: dict[str, Held] = {}
    for below in apps or [""]:
        for path, size in place.files(below).items():
            if match := FILE.fullmatch(path):
                app, number, name = match.groups()
                found.setdefault(app, Held()).versions.setdefault(int(number), {})[name] = size
    return {app: held for app, held in found.items() if held.whole()}
