"""Copies a folder's models into a version: its own files, and in `parts/` the models that it uses."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import digest_folder
from serving.kernel.storage.version_manifest import Manifest
from serving.kernel.tensors import TensorSpec
from training.added.folders.config import CONFIG, published, read_config, tensors
from training.added.folders.read import Model, TritonFolder
from training.added.graphs.read import Tensor
from training.publish.parts import PARTS
from training.publish.servable import seal

__all__ = ["Placed", "contents", "placed", "stop_batching", "write_models"]

Placed = tuple[bytes, int, Path]
"""A model's configuration, its version, and the folder with the version's files."""
CACHE = "__pycache__"
NO_CACHE = "A file of this name keeps Python from writing into a version, whose files are those of its manifest.\n"
"""Triton's Python ignores PYTHONDONTWRITEBYTECODE."""


def write_models(name: str, source: TritonFolder, folder: Path) -> None:
    """Write all models of a folder into `folder`, the one that is added as `name`."""
    _copy(source.model.files, folder)
    for part in source.parts:
        home = folder / PARTS / part.name / str(part.version)
        _copy(part.files, home)
        (home.parent / CONFIG).write_bytes(published(part.config, part.name))
        seal(home, _described(part))
    (folder / CONFIG).write_bytes(published(source.model.config, name))


def placed(name: str, folder: Path) -> dict[str, Placed]:
    """The models that `write_models` wrote into `folder`, by name."""
    models = {name: ((folder / CONFIG).read_bytes(), 1, folder)}
    parts = Repository(folder / PARTS)
    for part in parts.models():
        for number in parts.versions(part):
            models[part] = ((folder / PARTS / part / CONFIG).read_bytes(), number, parts.folder(part, number))
    return models


def stop_batching(folder: Path) -> None:
    """Let Triton put no rows of several requests together, for a model whose rows run one at a time."""
    for path in (folder / CONFIG, *(folder / PARTS).glob(f"*/{CONFIG}")):
        config = read_config(path.parent)
        config.ClearField("dynamic_batching")
        path.write_bytes(published(config, config.name))


def contents(source: TritonFolder, folder: Path) -> str:
    """SHA-256 of everything that was written into `folder`."""
    return msgspec.structs.replace(_described(source.model), files=digest_folder(folder)).fingerprint


def _copy(files: Mapping[str, Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        if target.suffix == ".py":
            target.with_name(CACHE).write_text(NO_CACHE)


def _described(model: Model) -> Manifest:
    """The manifest of a model for Triton alone: no gateway takes it in. The same files give the same bytes."""
    first = 1 if model.config.max_batch_size > 0 else 0
    inputs, outputs = (
        tuple(_spec(item, first) for item in tensors(model.config, role)) for role in ("input", "output")
    )
    return Manifest(
        model=model.name,
        version=model.version,
        created="",
        run_id="",
        source=model.name,
        inputs=inputs,
        outputs=outputs,
        feature_names=(),
    )


def _spec(item: Tensor, first: int) -> TensorSpec:
    sizes = [size if isinstance(size, int) else -1 for size in (item.shape or ())[first:]]
    return TensorSpec(item.name, item.datatype, (-1, *sizes))
