"""Small ONNX files of the shapes that people have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["classifier", "linear", "node", "save", "value"]

node, value = helper.make_node, helper.make_tensor_value_info


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: dict[str, Any] | None = None,
    **more: Any,
) -> Path:
    """Write a model of these nodes; `more` goes to `onnx.save`, such as where the weights are."""
    fitted = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, fitted)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path, **more)
    return path


def linear(path: Path, width: int = 3, kind: int = TensorProto.FLOAT, **more: Any) -> Path:
    """y = x @ w, with w[i] = i + 1."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weights = np.arange(1, width + 1).reshape(width, 1).astype(dtype)
    return save(
        path,
        [node("MatMul", ["x", "w"], ["y"])],
        [value("x", kind, ["n", width])],
        [value("y", kind, ["n", 1])],
        {"w": weights},
        **more,
    )


def classifier(path: Path, weights: list[list[float]], names: list[str] | list[int], scores: bool = True) -> Path:
    """A linear classifier as converters write it: a class, and a probability of each."""
    named = {"classlabels_strings" if isinstance(names[0], str) else "classlabels_ints": names}
    kind = TensorProto.STRING if isinstance(names[0], str) else TensorProto.INT64
    made = node(
        "LinearClassifier",
        ["x"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        coefficients=[float(one) for row in weights for one in row],
        intercepts=[0.0] * len(names),
        post_transform="SOFTMAX",
        **named,
    )
    outputs = [value("label", kind, ["n"]), value("probabilities", TensorProto.FLOAT, ["n", len(names)])]
    inputs = [value("x", TensorProto.FLOAT, ["n", len(weights[0])])]
    return save(path, [made], inputs, outputs if scores else outputs[:1])
