"""Copying a model repository between folders and buckets: versions whole or not at all, aliases last.

A version exists in a bucket once its `manifest.json` does: the manifest is written last and removed first. Every
file is verified against the manifest while it is copied. A version is never overwritten with other content.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from serving.kernel.settings import Settings, read
from serving.kernel.storage.signatures import Signatures
from serving.kernel.storage.version_files import Refused, decode_aliases, decode_manifest
from serving.kernel.storage.version_manifest import ALIASES_NAME, MANIFEST_NAME, SIGNATURE_NAME, Manifest
from training.data.storage import Location
from training.publish.added_files import ADDED_NAMES
from training.publish.copy_targets import BucketTarget, CopyTarget, FolderTarget
from training.publish.parts import parts_of
from training.publish.repository import PROMOTIONS_NAME, Change, RepositoryError, remove_app
from training.publish.servable import verify

__all__ = ["apps_of", "copy", "remove_copies"]

CONFIG_NAME = "config.pbtxt"
FILE = re.compile(r"([A-Za-z0-9][\w-]*)/([1-9]\d*)/(.+)")
"""`<app>/<version>/<file>`; other paths, such as the files of an unfinished publication, are ignored."""


@dataclass
class AppListing:
    """The files of one app: version -> file name -> size in bytes. A version may lack its manifest."""

    versions: dict[int, dict[str, int]] = field(default_factory=dict)

    def complete(self) -> list[int]:
        """Versions with a manifest, ascending."""
        return sorted(number for number, files in self.versions.items() if MANIFEST_NAME in files)


def copy(source: str, target: str, apps: Sequence[str] = (), prune: bool = False) -> list[Change]:
    """Copy versions, `config.pbtxt`, the promotion history and the aliases from `source` to `target`.

    Settings and card of an added model are copied too, and the models that it uses in Triton.

    Versions that only the target has stay, unless `prune` is set. Raises `RepositoryError` when the two contradict
    each other or something is not signed by a key of `SLIPWAY_TRUSTED_KEYS`, `ServableError` for a file that does
    not match its digest, and `StorageError`.
    """
    here, there = Location.of(source), Location.of(target)
    if f"{there.root}/".startswith(f"{here.root}/") or f"{here.root}/".startswith(f"{there.root}/"):
        raise RepositoryError(f"{source} and {target}: one is inside the other; give two separate locations")
    found = _listing(here, apps)
    used = {part for app in found.values() for files in app.versions.values() for part in parts_of(files)}
    if apps and used:
        found = _listing(here, sorted({*apps, *used}))
    absent = [app for app in apps if app not in found] or ([] if found else ["any app"])
    if absent:
        raise RepositoryError(f"{source}: holds no version of {absent[0]}; check the name")
    known = _listing(there, sorted(found))
    writer: CopyTarget = FolderTarget(there.folder) if there.folder else BucketTarget(there)
    changes = []
    signatures = Signatures.of(read(Settings))
    # Triton loads a model when those that it uses are there.
    for app in sorted(found, key=lambda app: (app not in used, app)):
        listing = known.get(app, AppListing())
        changes += _AppCopy(here, there, writer, app, found[app], listing, signatures).copy(prune)
    return changes


def apps_of(name: str) -> list[str]:
    """Apps with at least one complete version in the folder or bucket. Raises `StorageError`."""
    return sorted(_listing(Location.of(name), ()))


def remove_copies(target: str, app: str, numbers: Sequence[int] | None = None) -> None:
    """Remove versions from a copy, None: all, and what is beside them with the last one. Raises `StorageError`."""
    there = Location.of(target)
    listing = _listing(there, [app]).get(app, AppListing())
    writer: CopyTarget = FolderTarget(there.folder) if there.folder else BucketTarget(there)
    gone = listing.versions.keys() & set(listing.versions if numbers is None else numbers)
    for number in gone:
        writer.remove(app, number, listing.versions[number])
    if listing.versions.keys() - gone:
        return
    if there.folder is None:
        there.remove(sorted(there.files(app)))
    elif (there.folder / app).is_dir():
        remove_app(there.folder, app)


@dataclass(frozen=True)
class _AppCopy:
    """The copy of one app."""

    source: Location
    target: Location
    writer: CopyTarget
    app: str
    found: AppListing
    known: AppListing
    signatures: Signatures | None

    def copy(self, prune: bool) -> list[Change]:
        follows = self._follows()
        numbers = self.found.complete()
        if follows:
            # Before the versions: gateways read the settings when they load one.
            self.writer.write_app_files(self.app, self._changed(ADDED_NAMES))
        changes = [Change(self.app, number, self._copy_version(number)) for number in numbers]
        if follows:
            self.writer.write_app_files(self.app, self._app_files(numbers))
        for number in sorted(set(self.known.complete()) - set(numbers)):
            if prune:
                self.writer.remove(self.app, number, self.known.versions[number])
            changes.append(Change(self.app, number, "removed" if prune else "unknown"))
        return changes

    def _follows(self) -> bool:
        """Whether the source's aliases are newer: a promotion history only ever grows."""
        ours, theirs = (one.read(f"{self.app}/{PROMOTIONS_NAME}") or b"" for one in (self.source, self.target))
        if ours.startswith(theirs):
            return True
        if theirs.startswith(ours):
            return False
        raise RepositoryError(
            f"{self.app}/{PROMOTIONS_NAME}: the histories of {self.source.shown} and "
            f"{self.target.shown} differ; put the right history in both, then repeat"
        )

    def _copy_version(self, number: int) -> str:
        path = f"{self.app}/{number}"
        sealed = self.source.read(f"{path}/{MANIFEST_NAME}") or b""
        manifest = self._manifest(sealed, number)
        if self.signatures is not None:
            signature = self.source.read(f"{path}/{SIGNATURE_NAME}")
            with self._refusing(path):
                self.signatures.check_manifest(sealed, signature, path)
        files = self.known.versions.get(number, {})
        published = self.target.read(f"{path}/{MANIFEST_NAME}") if MANIFEST_NAME in files else None
        if published is not None and published != sealed:
            raise RepositoryError(
                f"{path}: {self.target.shown} and {self.source.shown} have different content for this version; "
                "nothing was overwritten; remove the wrong one, then repeat"
            )
        if published is not None and self.writer.intact(self.app, manifest, files):
            self._copy_signature(number)
            return "kept"
        with self._checked(path, sealed, manifest) as folder:
            self.writer.put(self.app, number, folder, manifest)
        return "written" if published is None else "repaired"

    @contextmanager
    def _refusing(self, path: str) -> Iterator[None]:
        """Turn `Refused` into a `RepositoryError` that names the place."""
        try:
            yield
        except Refused as cause:
            raise RepositoryError(f"{self.source.shown}/{path}/{cause}") from cause

    def _copy_signature(self, number: int) -> None:
        """A version that is there already may have been signed since."""
        name = f"{number}/{SIGNATURE_NAME}"
        self.writer.write_app_files(self.app, self._changed((name,)))

    def _manifest(self, sealed: bytes, number: int) -> Manifest:
        shown = f"{self.source.shown}/{self.app}/{number}"
        with self._refusing(f"{self.app}/{number}"):
            manifest = decode_manifest(sealed, self.app, number)
        for name in manifest.files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
                raise RepositoryError(f"{shown}/{MANIFEST_NAME}: the file name {name!r} points outside its folder")
        return manifest

    @contextmanager
    def _checked(self, path: str, sealed: bytes, manifest: Manifest) -> Iterator[Path]:
        """The version as a local folder whose digests all match."""
        if self.source.folder:
            verify(self.source.folder / path)
            yield self.source.folder / path
            return
        with tempfile.TemporaryDirectory(prefix="slipway-sync-") as scratch:
            folder = Path(scratch) / PurePosixPath(path).name
            for name in manifest.files:
                self.source.fetch(f"{path}/{name}", folder / name)
            (folder / MANIFEST_NAME).write_bytes(sealed)
            signature = self.source.read(f"{path}/{SIGNATURE_NAME}")
            if signature is not None:
                (folder / SIGNATURE_NAME).write_bytes(signature)
            verify(folder)
            yield folder

    def _app_files(self, numbers: Sequence[int]) -> Mapping[str, bytes]:
        """Files beside the versions, in the order of writing. None of them names a version that is missing."""
        aliases = self.source.read(f"{self.app}/{ALIASES_NAME}")
        if aliases is not None:
            self._check_aliases(aliases, numbers)
        return self._changed((CONFIG_NAME, PROMOTIONS_NAME, ALIASES_NAME))

    def _changed(self, names: Sequence[str]) -> dict[str, bytes]:
        """The files of these names beside the versions that differ from the target's, in this order."""
        found = {name: self.source.read(f"{self.app}/{name}") for name in names}
        there = {name: content for name, content in found.items() if content is not None}
        return {name: new for name, new in there.items() if new != self.target.read(f"{self.app}/{name}")}

    def _check_aliases(self, content: bytes, numbers: Sequence[int]) -> None:
        shown = f"{self.source.shown}/{self.app}"
        with self._refusing(self.app):
            aliases = decode_aliases(content)
            if self.signatures is not None:
                self.signatures.check_aliases(self.app, aliases)
        for number in (aliases.champion, aliases.challenger):
            if number is not None and number not in numbers:
                raise RepositoryError(f"{shown}/{ALIASES_NAME}: names version {number}, which does not exist")


def _listing(location: Location, apps: Sequence[str]) -> dict[str, AppListing]:
    """App -> its files, for the apps that have a complete version; only the named apps when some are named."""
    found: dict[str, AppListing] = {}
    for below in apps or [""]:
        for path, size in location.files(below).items():
            if match := FILE.fullmatch(path):
                app, number, name = match.groups()
                found.setdefault(app, AppListing()).versions.setdefault(int(number), {})[name] = size
    return {app: listing for app, listing in found.items() if listing.complete()}
