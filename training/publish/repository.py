"""The writer of the model repository: versions appear whole or not at all, aliases change in one step.

<repository>/<app>/config.pbtxt      generated, committed
                   aliases.json      champion and challenger
                   promotions.jsonl  the promotion history, one line each; lines are only appended
                   <version>/        a published servable folder, with `manifest.sig` where a key signs
                   .tmp-*            an unfinished publication; the next writer removes it
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from serving.kernel.app import App
from serving.kernel.app_values import load_values
from serving.kernel.settings import Settings, read
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.signatures import Signatures
from serving.kernel.storage.version_files import Refused, encode_aliases
from serving.kernel.storage.version_manifest import (
    ALIASES_NAME,
    MANIFEST_NAME,
    SIGNATURE_NAME,
    Aliases,
    Manifest,
)
from training.errors import TrainingError
from training.onnx.config_pbtxt import config_pbtxt
from training.publish.servable import ServableError, numbered, read_manifest, verify
from training.publish.signer import Signer, signer

__all__ = [
    "Change",
    "RepositoryError",
    "aliases",
    "manifest",
    "promote",
    "promotions",
    "publish",
    "remove",
    "remove_app",
    "set_aliases",
    "sign",
    "trusted_aliases",
    "versions",
    "write_app_files",
    "write_config",
]

PROMOTIONS_NAME = "promotions.jsonl"


class RepositoryError(TrainingError):
    """The model repository could not be changed."""


@dataclass(frozen=True)
class Change:
    """What happened to one version: `kept`, `written`, `repaired`, `unknown` or `removed`."""

    app: str
    version: int
    action: str


def publish(
    servable: Path,
    repository: Path,
    app: str,
    version: int,
    replace: bool = False,
    sign: bool = True,
    signature: bytes | None = None,
) -> Path:
    """Publish a servable folder as version `version` of the app; returns the version's folder.

    Publishing the same content again changes nothing. Other content for a published version raises
    `RepositoryError`, unless `replace` is set, which is for folders that no longer match their manifest.

    A version that gets its number here is signed with the key of the settings, unless `sign` is unset: what was
    published before keeps the `signature` that it had.
    """
    made = read_manifest(servable)
    if version < 1:
        raise RepositoryError(f"`version` must be 1 or more, not {version}")
    if made.model != app:
        raise RepositoryError(f"the servable folder belongs to {made.model!r}, not to {app!r}")
    # A folder that already has this number, such as a copy, is published byte for byte.
    same = made.version == version
    sealed = (servable / MANIFEST_NAME).read_bytes() if same else numbered(made, version)
    key = signer() if sign and not same else None
    signature = signature or _kept(servable) if key is None else key.manifest(sealed)
    with _locked(repository, app) as folder:
        target = folder / str(version)
        if target.exists() and not replace:
            _refuse_other(target, sealed)
            return target
        partial = Path(tempfile.mkdtemp(prefix=f".tmp-{version}-", dir=folder))
        for name in made.files:
            _copy(servable / name, partial / name)
        _write(partial / MANIFEST_NAME, sealed)
        if signature is not None:
            _write(partial / SIGNATURE_NAME, signature)
        partial.chmod(0o755)
        for inner in {partial, *(path.parent for path in map(partial.joinpath, made.files))}:
            _sync_folder(inner)
        verify(partial)
        if target.exists():
            target.rename(folder / f".tmp-old-{version}-{os.getpid()}")
        partial.rename(target)
        _sync_folder(folder)
        _sweep(folder)
    return target


def remove(repository: Path, app: str, version: int) -> None:
    """Remove a version. Readers see it disappear in one step."""
    with _locked(repository, app) as folder:
        (folder / str(version)).rename(folder / f".tmp-old-{version}-{os.getpid()}")
        _sync_folder(folder)
        _sweep(folder)


def remove_app(repository: Path, app: str) -> None:
    """Remove an app with all its versions. Readers see it disappear in one step."""
    for left in repository.glob(".tmp-old-*"):
        shutil.rmtree(left)
    with _locked(repository, app) as folder:
        gone = repository / f".tmp-old-{app}-{os.getpid()}"
        folder.rename(gone)
        _sync_folder(repository)
    shutil.rmtree(gone)


def versions(repository: Path, app: str) -> list[int]:
    """Published version numbers, ascending."""
    return Repository(repository).versions(app)


def manifest(repository: Path, app: str, version: int) -> Manifest:
    """The manifest of a published version. Raises `ServableError`."""
    return read_manifest(repository / app / str(version))


def aliases(repository: Path, app: str) -> Aliases:
    """The aliases of an app, empty when it has none. Raises `RepositoryError` when the file is broken."""
    try:
        return Repository(repository).aliases(app)
    except Refused as cause:
        raise RepositoryError(f"{app}/{cause}; `slipway repository sync` rewrites it") from cause


def trusted_aliases(repository: Path, app: str) -> Aliases:
    """The aliases of an app from which its next ones are made.

    Raises `RepositoryError` as `aliases` does, and where a key signs, for aliases that nobody trusted has signed:
    what somebody changed must not be signed with the next change.
    """
    signatures = Signatures.of(read(Settings))
    try:
        found = Repository(repository, signatures).aliases(app)
    except Refused as cause:
        raise RepositoryError(f"{app}/{cause}; `slipway repository sync` rewrites it") from cause
    key = signer() if signatures is None else None
    if key is not None and found != Aliases() and (reason := key.why_not(app, found)):
        raise RepositoryError(
            f"{app}/{ALIASES_NAME}: {reason}; look at it, then sign it with: slipway signing sign --app {app}"
        )
    return found


def set_aliases(repository: Path, app: str, wanted: Aliases) -> None:
    """Replace `aliases.json` in one step. Raises `RepositoryError` when a version is not published."""
    with _locked(repository, app) as folder:
        for version in (wanted.champion, wanted.challenger):
            if version is not None and not (folder / str(version)).is_dir():
                raise RepositoryError(f"{app} version {version} is not in the model repository")
        _write_aliases(folder, wanted)


def sign(repository: Path, app: str, version: int, key: Signer) -> None:
    """Sign a version that is whole, beside the signatures of other keys. Raises `ServableError`."""
    with _locked(repository, app) as folder:
        verify(folder / str(version))
        path = folder / str(version) / SIGNATURE_NAME
        before = path.read_bytes() if path.exists() else None
        _replace(path, key.manifest((path.parent / MANIFEST_NAME).read_bytes(), before))


def write_app_files(repository: Path, app: str, files: Mapping[str, bytes]) -> None:
    """Write files beside the versions, each in one step, in the order given."""
    with _locked(repository, app) as folder:
        for name, content in files.items():
            _replace(folder / name, content)


def promote(
    repository: Path, app: str, version: int, why: str, who: str = "", evidence: Sequence[msgspec.Struct] = ()
) -> Aliases:
    """Make a published version the champion, after adding a line to the promotion history.

    `evidence` defaults to the gate report in the version's manifest. Returns the aliases now in force.
    """
    with _locked(repository, app) as folder:
        if not (folder / str(version)).is_dir():
            raise RepositoryError(f"{app} version {version} is not in the model repository")
        before = trusted_aliases(repository, app)
        sealed = read_manifest(folder / str(version))
        promotion = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "app": app,
            "from": before.champion,
            "to": version,
            "who": who,
            "why": why,
            "run_id": sealed.run_id,
            "evidence": [msgspec.to_builtins(check) for check in (evidence or sealed.gate)],
        }
        _append(folder / PROMOTIONS_NAME, json.dumps(promotion, separators=(",", ":")))
        after = Aliases(champion=version, challenger=None if before.challenger == version else before.challenger)
        _write_aliases(folder, after)
    return after


def promotions(repository: Path, app: str) -> list[dict[str, Any]]:
    """The promotion history, oldest first. Skips lines that a crash cut off."""
    path = repository / app / PROMOTIONS_NAME
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def write_config(repository: Path, app: App[Any, Any, Any], only: Sequence[int] = ()) -> Path:
    """Write `config.pbtxt` when it is missing or differs from what the app says; `only` limits the versions."""
    text = config_pbtxt(app, load_values(app.folder), only).encode()
    with _locked(repository, app.name) as folder:
        path = folder / "config.pbtxt"
        if not path.exists() or path.read_bytes() != text:
            _replace(path, text)
    return path


def _kept(servable: Path) -> bytes | None:
    path = servable / SIGNATURE_NAME
    return path.read_bytes() if path.exists() else None


def _write_aliases(folder: Path, wanted: Aliases) -> None:
    key = signer()
    if key is not None:
        try:
            before = Repository(folder.parent).aliases(folder.name)
        except Refused:
            before = Aliases()
        unchanged = (before.champion, before.challenger) == (wanted.champion, wanted.challenger)
        if unchanged and not key.why_not(folder.name, before):
            return
        wanted = key.aliases(folder.name, wanted, before)
    _replace(folder / ALIASES_NAME, encode_aliases(wanted))


@contextmanager
def _locked(repository: Path, app: str) -> Iterator[Path]:
    """Allow one writer at a time. The kernel releases the lock of a process that dies."""
    folder = repository / app
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep(folder)
        yield folder


def _sweep(folder: Path) -> None:
    for path in folder.glob(".tmp-*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _refuse_other(target: Path, sealed: bytes) -> None:
    try:
        verify(target)
    except ServableError as cause:
        raise RepositoryError(f"{cause}; `slipway repository sync` rebuilds it") from cause
    if (target / MANIFEST_NAME).read_bytes() != sealed:
        raise RepositoryError(f"version {target.name} is already published with other content; train a new one")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer)
        writer.flush()
        os.fsync(writer.fileno())


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".tmp-{path.name}")
    _write(partial, content)
    partial.replace(path)
    _sync_folder(path.parent)


def _append(path: Path, line: str) -> None:
    """Append a line, after ending an incomplete line that a crash may have left."""
    with path.open("ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            line = line if stream.read(1) == b"\n" else f"\n{line}"
        stream.write(line.encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
