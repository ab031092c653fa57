"""A servable folder as an MLflow model: the signature, an input example, and how MLflow loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from serving.kernel.app import App
from serving.kernel.storage.version_manifest import CONFIG_NAME, MODEL_NAME
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["write_mlflow_model"]

EXAMPLE_NAME, SERVING_EXAMPLE_NAME = "input_example.json", "serving_input_example.json"
"""One row as MLflow loads it, and as its own server takes it."""
NUMPY = {"BOOL": "bool", "BYTES": "object", "FP16": "float16", "FP32": "float32", "FP64": "float64"}


def write_mlflow_model(folder: Path, app: App[Any, Any, Any], run_id: str, example: Arrays) -> None:
    """Write `MLmodel` (signature and the flavors that load the model) and an input example of one row."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema

    signature = ModelSignature(Schema(_columns(app.inputs)), Schema(_columns(app.outputs)))
    model = Model(artifact_path=folder.name, run_id=run_id, signature=signature)
    if (folder / CONFIG_NAME).exists():
        # Triton runs such a version; MLflow itself cannot load it.
        model.add_flavor("triton", config=CONFIG_NAME)
    else:
        _add_onnx(model)
    model.saved_input_example_info = {
        "artifact_path": EXAMPLE_NAME,
        "type": "ndarray",
        "serving_input_path": SERVING_EXAMPLE_NAME,
    }
    model.save(str(folder / "MLmodel"))
    # NaN becomes null.
    rows = {name: array[:1].tolist() for name, array in example.items()}
    (folder / EXAMPLE_NAME).write_bytes(msgspec.json.encode(rows))
    (folder / SERVING_EXAMPLE_NAME).write_bytes(msgspec.json.encode({"inputs": rows}))


def _add_onnx(model: Any) -> None:
    import onnx

    providers = ["CPUExecutionProvider"]
    model.add_flavor(
        "onnx", onnx_version=onnx.__version__, data=MODEL_NAME, providers=providers, save_as_external_data=False
    )
    model.add_flavor("python_function", loader_module="mlflow.onnx", data=MODEL_NAME, env={})


def _columns(specs: tuple[TensorSpec, ...]) -> list[Any]:
    from mlflow.types import TensorSpec as Column

    return [
        Column(np.dtype(NUMPY.get(spec.datatype, spec.datatype.lower())), spec.shape, spec.name) for spec in specs
    ]
