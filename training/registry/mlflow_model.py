"""A servable folder as an MLflow model: the signature, an input example, and how MLflow loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from serving.kernel.app import App
from serving.kernel.storage.version_manifest import MODEL_NAME, row_of
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["write_mlflow_model"]

NUMPY = {"BOOL": "bool", "BYTES": "object", "FP16": "float16", "FP32": "float32", "FP64": "float64"}


def write_mlflow_model(folder: Path, app: App[Any, Any, Any], run_id: str, example: Arrays) -> None:
    """Write `MLmodel` (signature and the flavors that load `model.onnx`) and `input_example.json`."""
    import onnx
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema

    signature = ModelSignature(Schema(_columns(app.inputs)), Schema(_columns(app.outputs)))
    model = Model(artifact_path=folder.name, run_id=run_id, signature=signature)
    providers = ["CPUExecutionProvider"]
    model.add_flavor(
        "onnx", onnx_version=onnx.__version__, data=MODEL_NAME, providers=providers, save_as_external_data=False
    )
    model.add_flavor("python_function", loader_module="mlflow.onnx", data=MODEL_NAME, env={})
    model.save(str(folder / "MLmodel"))
    (folder / "input_example.json").write_bytes(msgspec.json.encode({"inputs": row_of(example, 0)}))


def _columns(specs: tuple[TensorSpec, ...]) -> list[Any]:
    from mlflow.types import TensorSpec as Column

    return [
        Column(np.dtype(NUMPY.get(spec.datatype, spec.datatype.lower())), spec.shape, spec.name) for spec in specs
    ]
