"""Small ONNX models with one input `x` and one output `y`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from serving.kernel.call import Call
from serving.kernel.tensors import TensorSpec

TYPES = {
    "FP32": TensorProto.FLOAT,
    "INT64": TensorProto.INT64,
    "BF16": TensorProto.BFLOAT16,
    "BYTES": TensorProto.STRING,
}

OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]


def call(seconds: float = 60.0) -> Call:
    return Call("test", time.monotonic() + seconds)


def spec(name: str, datatype: str, *shape: int) -> tuple[TensorSpec, ...]:
    return (TensorSpec(name, datatype, (-1, *shape)),)


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    types: tuple[str, str] = ("FP32", "FP32"),
    constants: dict[str, Any] | None = None,
) -> Path:
    """Write a model whose tensors have two axes, both free."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TYPES[types[0]], ["rows", "width"])],
        [helper.make_tensor_value_info("y", TYPES[types[1]], ["rows", "more"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=OPSETS, ir_version=9), path)
    return path


def node(kind: str, inputs: str, output: str = "y", **attributes: Any) -> onnx.NodeProto:
    """`inputs` are names separated by spaces."""
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def negate(path: Path) -> Path:
    """y = -x"""
    return save(path, [node("Neg", "x")])


def table(path: Path) -> Path:
    """y = (10, 20, 30)[x]: an index outside makes ONNX Runtime fail."""
    return save(path, [node("Gather", "table x")], ("INT64", "FP32"), {"table": np.float32([10, 20, 30])})


def echo(path: Path, datatype: str) -> Path:
    """y = x"""
    return save(path, [node("Identity", "x")], (datatype, datatype))


def dense(path: Path, layers: int = 3, width: int = 1024) -> Path:
    """A chain of matrix products; four megabytes for each layer of 1,024."""
    random = np.random.default_rng(0)
    weights = {
        f"w{i}": (random.normal(size=(width, width)) / width**0.5).astype(np.float32) for i in range(layers)
    }
    names = ["x", *(f"h{i}" for i in range(1, layers)), "y"]
    nodes = [node("MatMul", f"{names[i]} w{i}", names[i + 1]) for i in range(layers)]
    return save(path, nodes, constants=weights)


def slow(path: Path) -> Path:
    """y = -tanh(tanh(... x)): seconds for millions of numbers, in many operators."""
    nodes = [node("Tanh", f"h{i}" if i else "x", f"h{i + 1}") for i in range(400)]
    return save(path, [*nodes, node("Neg", "h400")])


def trees(path: Path, count: int = 90_000) -> Path:
    """Stumps on the first column: some megabytes without a weight."""
    numbers = range(3 * count)
    stump = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[i // 3 for i in numbers],
        nodes_nodeids=[i % 3 for i in numbers],
        nodes_featureids=[0 for _ in numbers],
        nodes_values=[0.0 for _ in numbers],
        nodes_modes=["LEAF" if i % 3 else "BRANCH_LT" for i in numbers],
        nodes_truenodeids=[0 if i % 3 else 1 for i in numbers],
        nodes_falsenodeids=[0 if i % 3 else 2 for i in numbers],
        target_treeids=[i // 3 for i in numbers if i % 3],
        target_nodeids=[i % 3 for i in numbers if i % 3],
        target_ids=[0 for i in numbers if i % 3],
        target_weights=[1.0 if i % 3 == 1 else -1.0 for i in numbers if i % 3],
    )
    return save(path, [stump])
