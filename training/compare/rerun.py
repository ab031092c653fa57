"""A published version as a fitted model, to judge it on a file by its own graph and context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from serving.kernel.app import App
from serving.kernel.storage.version_files import Refused, decode_context
from serving.kernel.storage.version_manifest import MODEL_NAME
from serving.kernel.tensors import Arrays
from training.errors import DataError
from training.onnx.parity import Model, onnx_model
from training.publish.servable import verify
from training.recipe import Fitted

__all__ = ["published"]

CHUNK = 4096
"""Rows per call of the graph."""


def published(app: App[Any, Any, Any], folder: Path) -> Fitted:
    """Verify a version folder and return its graph and context; `model` is None.

    Raises `ServableError` when the folder differs from its manifest, and `DataError` when the app's signature or
    context has changed since the version was trained.
    """
    manifest = verify(folder)
    name = f"{app.name} version {manifest.version}"
    if (manifest.inputs, manifest.outputs) != (app.inputs, app.outputs):
        raise DataError(f"{name}: its inputs or outputs differ from the app's current ones; train it again")
    try:
        context = decode_context(manifest, app.context)
    except Refused as cause:
        raise DataError(f"{name}: its context does not fit the current app: {cause}; train it again") from cause
    return Fitted(predict=_in_chunks(onnx_model(folder / MODEL_NAME)), context=context, files={}, params={})


def _in_chunks(model: Model) -> Model:
    def run(inputs: Arrays) -> Arrays:
        rows = len(next(iter(inputs.values())))
        parts = [
            model({name: array[start : start + CHUNK] for name, array in inputs.items()})
            for start in range(0, max(rows, 1), CHUNK)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return run
