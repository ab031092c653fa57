"""Choose the version to package and check it against its manifest before anything is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.errors import PackageError
from serving.kernel.app import App
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import CONFIG_NAME, Manifest
from training.errors import TrainingError
from training.score.version import choose as choose_version

__all__ = ["ALIASES", "Chosen", "Packaged", "choose", "fresh", "made"]

ALIASES = ("champion", "challenger")
NEEDS_TRITON = "export SLIPWAY_TRITON_URL=HOST:8001  # of a Triton that serves the package of `--format triton`"


@dataclass(frozen=True)
class Chosen:
    """A verified version of an app."""

    app: App[Any, Any, Any]
    version: int
    manifest: Manifest
    repository: Path

    @property
    def folder(self) -> Path:
        """The version's folder in the model repository."""
        return self.repository / self.app.name / str(self.version)

    @property
    def first(self) -> tuple[str, ...]:
        """What comes before a gateway in the package is started: only Triton can run a version of a folder."""
        return (NEEDS_TRITON,) if CONFIG_NAME in self.manifest.files else ()

    @property
    def label(self) -> str:
        """The name of the package without its format."""
        return f"{self.app.name}-{self.version}"

    @property
    def package(self) -> str:
        """The name of the app in `SLIPWAY_APPS`."""
        return self.app.listed_name


@dataclass(frozen=True)
class Packaged:
    """The package that was written, and the commands that come next."""

    path: Path
    bytes: int
    commands: tuple[str, ...]


def choose(repository: Path, name: str, version: int = 0, alias: str = "") -> Chosen:
    """Return the verified version of that number or alias; without either, the champion, else the newest.

    Raises `PackageError` if there is no such app or version, or if its files do not match their digests.
    """
    if version and alias:
        raise PackageError("give --version or --alias, not both")
    if alias and alias not in ALIASES:
        raise PackageError(f"--alias {alias!r}: expected one of {', '.join(ALIASES)}")
    try:
        app, number = choose_version(name, repository, version, alias)
    except TrainingError as cause:
        raise PackageError(str(cause)) from cause
    try:
        manifest = Repository(repository).verify(app.name, number)
    except Refused as cause:
        raise PackageError(f"{app.name}: {cause}; `slipway repository sync {app.name}` rebuilds it") from cause
    return Chosen(app, number, manifest, repository)


def fresh(target: Path) -> Path:
    """Return the same path if it does not exist. Raises `PackageError` otherwise."""
    if target.exists():
        raise PackageError(f"{target} already exists; remove it or give another --out")
    made(target.parent)
    return target


def made(out: Path) -> Path:
    """Create the folder if it is missing, and return it. Raises `PackageError`."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise PackageError(f"--out {out}: the folder cannot be created: {cause.strerror}") from cause
    if not os.access(out, os.W_OK):
        raise PackageError(f"--out {out}: the folder is not writable; give another")
    return out
