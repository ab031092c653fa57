"""A folder with a plain ONNX file: it is added as the file is, with what its configuration says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from serving.kernel.storage.version_manifest import MODEL_NAME
from training.added.errors import AddError
from training.added.folders.config import CONFIG, ONNX, check_config
from training.added.folders.read import TritonFolder
from training.added.plan import Overrides

__all__ = ["hints", "is_plain", "labels"]

ROW_BY_ROW = f"{CONFIG} has max_batch_size: 0"


def is_plain(folder: TritonFolder) -> bool:
    """Whether the gateway itself can run the model. Raises `AddError` for a graph that no backend can serve."""
    if folder.model.backend != ONNX:
        return False
    if MODEL_NAME not in folder.model.files:
        raise AddError(f"{folder.model.name}/{folder.model.version}/{MODEL_NAME} does not exist; put it there")
    check_config(folder.model.config, reshaped=True)
    return True


def hints(folder: TritonFolder, given: Overrides) -> Overrides:
    """The shapes of the inputs, and whether rows run one at a time; what `given` says wins.

    An input with a free axis has the shape of the graph, which may have a fixed size there.
    """
    config = folder.model.config
    rows = [-1] if config.max_batch_size > 0 else []
    shapes = {item.name: (*rows, *_dims(item)) for item in config.input}
    shapes = {name: shape for name, shape in shapes.items() if -1 not in shape[1:]}
    made = msgspec.structs.replace(given, inputs=shapes | given.inputs)
    if config.max_batch_size == 0 and not given.alone:
        made = msgspec.structs.replace(made, alone=True, why=ROW_BY_ROW)
    return made


def labels(folder: TritonFolder) -> tuple[str, ...]:
    """The lines of the file of labels; empty if there is none. Raises `AddError` if it cannot be read."""
    model = folder.model
    names = [item.label_filename for item in model.config.output if item.label_filename]
    if not names:
        return ()
    path = (model.folder / names[0]).resolve()
    if model.folder not in path.parents:
        raise AddError(f"{model.name}/{CONFIG}: label_filename {names[0]!r} is outside the folder; put it there")
    return tuple(line.strip() for line in _text(path, f"{model.name}/{names[0]}").splitlines() if line.strip())


def _dims(item: Any) -> list[int]:
    """The shape that the graph has."""
    return [int(size) for size in (item.reshape.shape if item.HasField("reshape") else item.dims)]


def _text(path: Path, shown: str) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as cause:
        raise AddError(f"{shown} cannot be read: {cause}") from cause
