"""The version that scores: chosen and verified as in the data plane, with its model in this process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from serving.kernel.added.app import added_app
from serving.kernel.app import App
from serving.kernel.app_values import batching_of
from serving.kernel.backend import Backend
from serving.kernel.errors import SlipwayError
from serving.kernel.find_app import find_app
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import CONFIG_NAME, MODEL_NAME, Manifest
from serving.models.backends.onnx_local import open_fused
from serving.models.backends.onnx_session import Sessions
from serving.models.loaded_version import LoadedVersion
from serving.models.loader import load
from training.errors import DataError, ScoreError

__all__ = ["ModelRuntime", "choose", "open_version"]


class ModelRuntime(msgspec.Struct, frozen=True, kw_only=True):
    """The model repository, and the settings of ONNX Runtime."""

    repository: str
    providers: tuple[str, ...] = ("cpu",)
    """Keys of `serving.models.backends.onnx_session.PROVIDERS`, in order of preference."""
    cache: str = ""
    """Folder for prepared models; empty for no cache."""


def choose(name: str, repository: Path, version: int = 0, alias: str = "") -> tuple[App[Any, Any, Any], int]:
    """The app, and the number of its version with that number or alias.

    Without either it is the champion, or the newest version when there is no champion. Raises `DataError` for an
    unknown app, version or alias, and `ScoreError` when the aliases cannot be read.
    """
    try:
        app = find_app(name, repository)
    except LookupError as cause:
        raise DataError(str(cause)) from cause
    found = Repository(repository)
    there = found.versions(app.name)
    if not there:
        wanted = f"version {version}" if version else "published version"
        raise DataError(f"{app.name} has no {wanted} in {repository}; `slipway train {app.name}` makes one")
    try:
        named: int | None = getattr(found.aliases(app.name), alias or "champion")
    except Refused as cause:
        raise ScoreError(f"{app.name}: {cause}; `slipway repository sync {app.name}` rebuilds it") from cause
    if alias and named is None:
        raise DataError(f"{app.name} has no {alias}; `slipway models {app.name}` shows versions and aliases")
    number = version or named or max(there)
    if number not in there:
        raise DataError(
            f"{app.name} has no version {number} in {repository}; available: {', '.join(map(str, there))}"
        )
    return _as_of(app, repository, number), number


def _as_of(app: App[Any, Any, Any], repository: Path, number: int) -> App[Any, Any, Any]:
    """The app as this version has it: each version of an added model has its own columns. Raises `ScoreError`."""
    if app.home is None:
        return app
    try:
        return added_app(Repository(repository).manifest(app.name, number), app.home)
    except Refused as cause:
        raise ScoreError(f"{app.name} version {number} is refused: {cause}") from cause


async def open_version(app: App[Any, Any, Any], version: int, runtime: ModelRuntime) -> LoadedVersion:
    """Verify digests and signature, open the model on one core, replay the golden rows. Raises `ScoreError`."""
    repository = Repository(Path(runtime.repository))
    sessions = Sessions(runtime.providers, Path(runtime.cache) if runtime.cache else None)
    # Each worker has one core.
    sessions.cpus = 1

    async def fused(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        if CONFIG_NAME in manifest.files:
            raise Refused("only Triton can run it; ask a gateway with `slipway predict`")
        path = repository.folder(app.name, manifest.version) / MODEL_NAME
        batching = batching_of(app)
        return await asyncio.to_thread(
            open_fused, path, app.inputs, batching, sessions=sessions, digest=manifest.fingerprint
        )

    try:
        return await load(app, version, repository, fused)
    except (Refused, SlipwayError) as cause:
        raise ScoreError(f"{app.name} version {version} is refused: {cause}") from cause
