"""Loads one version: checks digests and signature, opens the backend and replays the golden rows.

A version that fails any of these steps is not served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import numpy as np

from serving.kernel.added.app import added_app
from serving.kernel.app import App
from serving.kernel.backend import Backend
from serving.kernel.errors import SlipwayError, Unavailable
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.record_store import Encoder
from serving.kernel.storage.version_files import Refused, decode_context
from serving.kernel.storage.version_manifest import ENCODER_NAME, MANIFEST_NAME, Manifest
from serving.models.loaded_version import LoadedVersion
from serving.models.replay import replay

__all__ = ["OpenBackend", "check_signature", "load"]

OpenBackend = Callable[[App[Any, Any, Any], Manifest], Awaitable[Backend]]
"""Opens the backend of a version; the composition root decides which kind."""


async def load(
    app: App[Any, Any, Any], version: int, repository: Repository, open_backend: OpenBackend
) -> LoadedVersion:
    """Verify and open a version; an added model's version has an app of its own.

    Raises `Refused` if it is not what was published, `Unavailable` if the backend cannot say yet.
    """
    identity = await asyncio.to_thread(repository.identity, app.name, version)
    manifest = await asyncio.to_thread(repository.verify, app.name, version)
    if manifest.added != (app.home is not None):
        raise Refused(f"{MANIFEST_NAME}: {app.name} is {'an app' if manifest.added else 'an added model'}")
    app = added_app(manifest, app.home) if app.home is not None else app
    check_signature(app, manifest)
    context = decode_context(manifest, app.context)
    try:
        backend = await open_backend(app, manifest)
    except (Refused, SlipwayError):
        raise
    except Exception as cause:  # engines raise errors of many kinds for a file that they cannot open
        raise Refused(f"the model cannot be opened: {cause}") from cause
    async with AsyncExitStack() as undo:
        undo.push_async_callback(backend.close)
        encoder = await asyncio.to_thread(_open_encoder, app, manifest, repository)
        loaded = LoadedVersion(app, manifest, context, backend, repository, encoder)
        await replay(loaded, await asyncio.to_thread(repository.golden, app.name, version))
        if await asyncio.to_thread(repository.identity, app.name, version) != identity:
            raise Unavailable("its files were changed while it was loaded", retry_after=1)
        undo.pop_all()
    return loaded


def _open_encoder(app: App[Any, Any, Any], manifest: Manifest, repository: Repository) -> Encoder | None:
    """The version's encoder, tested with the collection's example. Raises `Refused`."""
    if app.collection is None or ENCODER_NAME not in manifest.files:
        return None
    # Imported only here: a gateway in front of Triton may have no ONNX Runtime.
    try:
        from serving.models.backends.encoder import OnnxEncoder
        from serving.models.backends.onnx_session import ENGINE_ERRORS
    except ImportError as cause:
        raise Refused(f"{ENCODER_NAME}: {cause}; it runs in the gateway: pip install 'slipway[cpu]'") from cause

    path = repository.folder(app.name, manifest.version) / ENCODER_NAME
    failures: tuple[type[Exception], ...] = (ValueError, *ENGINE_ERRORS)
    try:
        encoder = OnnxEncoder(app, path, manifest.files[ENCODER_NAME].sha256)
        vectors = encoder.records([app.collection.example])
    except failures as cause:
        raise Refused(f"{ENCODER_NAME}: {cause}") from cause
    if not np.isclose(np.linalg.norm(vectors), 1, atol=1e-3):
        raise Refused(f"{ENCODER_NAME}: the vector of the example has length {np.linalg.norm(vectors):.3g}, not 1")
    return encoder


def check_signature(app: App[Any, Any, Any], manifest: Manifest) -> None:
    """Raise `Refused` unless the version was trained for the app's present tensors and feature columns."""
    for name in ("inputs", "outputs", "feature_names"):
        trained, served = getattr(manifest, name), getattr(app, name)
        if trained != served:
            differing = next(
                (f"{a} where the app has {b}" for a, b in zip(trained, served, strict=False) if a != b),
                f"{len(trained)} entries where the app has {len(served)}",
            )
            raise Refused(f"{MANIFEST_NAME}: {name}: trained with {differing}; train again")
