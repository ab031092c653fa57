from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import onnx
import pytest

from serving.kernel.app import App
from serving.kernel.app_values import Batching
from serving.kernel.backend import Backend
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import Manifest
from serving.models.backends.onnx_local import open_fused
from serving.models.loaded_version import LoadedVersion
from serving.models.loader import load
from tests.serving import collected, toy
from tests.serving.models.opened import open_version


def test_a_whole_version_loads_with_its_context(tmp_path: Path) -> None:
    toy.write_version(tmp_path, 1, context=toy.Context(shift=2.0))
    loaded = open_version(tmp_path)
    assert loaded.number == 1
    assert loaded.context == toy.Context(shift=2.0)


def test_another_signature_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    manifest["feature_names"] = ["a", "c"]
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(Refused, match="feature_names: trained with c where the app has b"):
        open_version(tmp_path)


def test_a_context_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    manifest["context"] = {"shift": "much"}
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(Refused, match=r"context: Expected `float`"):
        open_version(tmp_path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    (folder / "model.onnx").write_bytes(b"not a model")
    toy.write_manifest(folder, 1)
    with pytest.raises(Refused, match="the model cannot be opened"):
        open_version(tmp_path)


def open_collected(root: Path) -> LoadedVersion:
    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        return open_fused(root / app.name / "1" / "model.onnx", app.inputs, Batching())

    return asyncio.run(load(collected.app, 1, Repository(root), open_backend))


def test_the_encoder_is_opened_with_the_version(tmp_path: Path) -> None:
    collected.write_version(tmp_path, 1)
    assert open_collected(tmp_path).encoder is not None
    collected.write_version(tmp_path / "old", 1, None)
    assert open_collected(tmp_path / "old").encoder is None


def test_an_encoder_that_does_not_fit_the_app_is_refused(tmp_path: Path) -> None:
    collected.write_version(tmp_path / "zero", 1, [0.0] * collected.WIDTH)
    with pytest.raises(Refused, match=r"encoder.onnx: the vector of the example has length 0, not 1"):
        open_collected(tmp_path / "zero")
    folder = collected.write_version(tmp_path / "other", 1)
    onnx.save(toy.model(), folder / "encoder.onnx")
    with pytest.raises(Refused, match=r"encoder.onnx: sha256"):
        open_collected(tmp_path / "other")
    toy.write_manifest(folder, 1, of=collected.app)
    with pytest.raises(Refused, match=r"encoder.onnx: takes \['features'\]"):
        open_collected(tmp_path / "other")
