"""Export: check the recipe's ONNX graph against the app's tensors and write it to a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from serving.kernel.app import App
from serving.kernel.collection import EMBEDDING
from serving.kernel.storage.version_manifest import ENCODER_NAME, MODEL_NAME
from serving.kernel.tensors import TensorSpec
from training.errors import TrainingError
from training.recipe import EncoderExport, Fitted, Recipe, Split

__all__ = ["OPSET", "ExportError", "assemble", "check", "save", "save_encoder", "save_graphs"]

OPSET = 18
"""The highest version of ONNX's own operator set that a graph may use; Triton's image and ours support it."""
TREES_OPSET = 3
"""The version of the operator set `ai.onnx.ml`, which has the tree ensembles."""
IR_VERSION = 8
DATATYPES = {
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "BOOL": TensorProto.BOOL,
    "BYTES": TensorProto.STRING,
}


class ExportError(TrainingError):
    """The exported graph does not match the app."""


def assemble(
    name: str,
    nodes: Iterable[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Mapping[str, npt.NDArray[Any]] | None = None,
) -> onnx.ModelProto:
    """The model with these nodes, in this order; `constants` are fitted values by the name nodes know them by."""
    steps, values = list(nodes), constants or {}
    fitted = [numpy_helper.from_array(np.asarray(value, order="C"), key) for key, value in values.items()]
    graph = helper.make_graph(steps, name, list(inputs), list(outputs), fitted)
    opsets = [helper.make_opsetid("", OPSET)]
    if any(step.domain == "ai.onnx.ml" for step in steps):
        opsets.append(helper.make_opsetid("ai.onnx.ml", TREES_OPSET))
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="slipway")


def save(app: App[Any, Any, Any], model: onnx.ModelProto, path: Path) -> None:
    """Check the graph and write it. Equal graphs give equal bytes. Raises `ExportError`."""
    check(app, model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def save_encoder(app: App[Any, Any, Any], model: onnx.ModelProto, path: Path) -> None:
    """Check and write the encoder of the app's collection. Raises `ExportError`."""
    if app.collection is None:
        raise ExportError(f"{app.name} has no collection to export an encoder for")
    outputs = (TensorSpec(EMBEDDING, "FP32", (-1, app.collection.width)),)
    _check(f"{app.name}, encoder", model, app.collection.inputs, outputs)
    path.write_bytes(model.SerializeToString(deterministic=True))


def save_graphs(recipe: Recipe[Any], fitted: Fitted, parts: Split, folder: Path) -> EncoderExport | None:
    """Write the model and, for an app with a collection, the encoder that it returns. Raises `ExportError`."""
    save(recipe.app, recipe.export(fitted), folder / MODEL_NAME)
    if recipe.app.collection is None:
        return None
    encoder = recipe.encoder(fitted, parts)
    save_encoder(recipe.app, encoder.model, folder / ENCODER_NAME)
    return encoder


def check(app: App[Any, Any, Any], model: onnx.ModelProto) -> None:
    """Raise `ExportError` unless the graph is valid ONNX, has the app's tensors and keeps its weights inside."""
    _check(app.name, model, app.inputs, app.outputs)


def _check(name: str, model: onnx.ModelProto, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as cause:
        raise ExportError(f"{name}: the graph is not valid ONNX: {cause}") from cause
    _check_opset(name, model)
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise ExportError(f"{name}: the graph stores weights in another file; export them inside the graph")
    fitted = {tensor.name for tensor in model.graph.initializer}
    _check_tensors(name, "input", inputs, [item for item in model.graph.input if item.name not in fitted])
    _check_tensors(name, "output", outputs, list(model.graph.output))


def _check_opset(name: str, model: onnx.ModelProto) -> None:
    versions = [item.version for item in model.opset_import if item.domain in ("", "ai.onnx")]
    if not versions or max(versions) > OPSET:
        raise ExportError(f"{name}: opset {versions or 'missing'}; expected one that is at most {OPSET}")


def _check_tensors(app: str, role: str, specs: Sequence[TensorSpec], items: list[Any]) -> None:
    found = [item.name for item in items]
    if found != [spec.name for spec in specs]:
        raise ExportError(f"{app}: {role}s are {found}; the app declares {[spec.name for spec in specs]}")
    for spec, item in zip(specs, items, strict=True):
        tensor = item.type.tensor_type
        wanted = DATATYPES[spec.datatype]
        if tensor.elem_type != wanted:
            kind = helper.tensor_dtype_to_string(tensor.elem_type)
            raise ExportError(f"{app}: {role} {spec.name!r} is {kind}; the app declares {spec.datatype}")
        dims = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
        if dims[:1] != [-1]:
            raise ExportError(f"{app}: {role} {spec.name!r} has a fixed row axis {dims}; make it dynamic")
        if len(dims) != len(spec.shape) or any(
            want not in (-1, have) for want, have in zip(spec.shape[1:], dims[1:], strict=True)
        ):
            raise ExportError(f"{app}: {role} {spec.name!r} has shape {dims}; the app declares {list(spec.shape)}")
