"""The inputs and outputs of an ONNX graph, in the terms of Triton's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

__all__ = ["Graph", "GraphError", "Tensor", "read_graph"]

DATA_TYPES = {
    TensorProto.FLOAT: "TYPE_FP32",
    TensorProto.DOUBLE: "TYPE_FP64",
    TensorProto.FLOAT16: "TYPE_FP16",
    TensorProto.BFLOAT16: "TYPE_BF16",
    TensorProto.INT8: "TYPE_INT8",
    TensorProto.INT16: "TYPE_INT16",
    TensorProto.INT32: "TYPE_INT32",
    TensorProto.INT64: "TYPE_INT64",
    TensorProto.UINT8: "TYPE_UINT8",
    TensorProto.UINT16: "TYPE_UINT16",
    TensorProto.UINT32: "TYPE_UINT32",
    TensorProto.UINT64: "TYPE_UINT64",
    TensorProto.BOOL: "TYPE_BOOL",
    TensorProto.STRING: "TYPE_STRING",
}


class GraphError(Exception):
    """The file is not an ONNX graph; the message says why."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph."""

    data_type: str
    """`TYPE_...`; empty for sequences and maps, and for types that Triton does not have."""
    dims: tuple[int, ...] | None
    """Dims with the batch axis, -1 for a free axis; None if the graph does not name them."""


@dataclass(frozen=True)
class Graph:
    """Tensors by name, in the order of the graph."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    overridable: dict[str, Tensor]
    """Inputs with a default value in the graph, which a request may replace."""
    lost: tuple[str, ...]
    """Missing files with weights of the graph."""


def read_graph(path: Path) -> Graph:
    """Read a graph without its weights in other files. Raises `GraphError`."""
    model = _load(path)
    fitted = {one.name for one in model.graph.initializer}
    tensors = {one.name: _tensor(one.type) for one in model.graph.input}
    return Graph(
        inputs={name: tensor for name, tensor in tensors.items() if name not in fitted},
        outputs={one.name: _tensor(one.type) for one in model.graph.output},
        overridable={name: tensor for name, tensor in tensors.items() if name in fitted},
        lost=_lost(path, model),
    )


def _lost(path: Path, model: Any) -> tuple[str, ...]:
    outside = (one for one in model.graph.initializer if one.data_location == TensorProto.EXTERNAL)
    names = {entry.value for one in outside for entry in one.external_data if entry.key == "location"}
    return tuple(sorted(name for name in names if not (path.parent / name).is_file()))


def _load(path: Path) -> Any:
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError, ValueError) as cause:
        raise GraphError(f"not an ONNX file: {str(cause) or type(cause).__name__}") from cause
    if not model.graph.output:
        raise GraphError("not an ONNX file: it has no graph with outputs")
    return model


def _tensor(kind: Any) -> Tensor:
    if not kind.HasField("tensor_type"):
        return Tensor("", None)
    here = kind.tensor_type
    dims = None
    if here.HasField("shape"):
        dims = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in here.shape.dim)
    return Tensor(DATA_TYPES.get(here.elem_type, ""), dims)
