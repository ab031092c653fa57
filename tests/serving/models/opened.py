"""Opens versions of the toy app, and changes their golden rows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from serving.kernel.app import App
from serving.kernel.app_values import Batching
from serving.kernel.backend import Backend
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import Manifest
from serving.models.backends.onnx_local import open_fused
from serving.models.loaded_version import LoadedVersion
from serving.models.loader import load
from tests.serving import toy


def open_version(root: Path, app: App[Any, Any, Any] = toy.app) -> LoadedVersion:
    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        return open_fused(root / "toy" / "1" / "model.onnx", app.inputs, Batching())

    return asyncio.run(load(app, 1, Repository(root), open_backend))


def rewrite_golden(folder: Path, change: Any) -> None:
    lines = [msgspec.json.decode(line) for line in (folder / "golden.jsonl").read_bytes().splitlines()]
    change(lines)
    (folder / "golden.jsonl").write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    toy.write_manifest(folder, int(folder.name))
