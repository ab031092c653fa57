"""A graph of one node of trees, opened."""

from __future__ import annotations

import onnxruntime
from onnx import NodeProto, TensorProto, helper

__all__ = ["tree_session"]


def tree_session(node: NodeProto, width: int, outputs: int) -> onnxruntime.InferenceSession:
    """`node` takes `x` [row, width] and gives `y` [row, outputs]."""
    graph = helper.make_graph(
        [node],
        "trees",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["row", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["row", outputs])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
