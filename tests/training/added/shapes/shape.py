"""A model's shape: how its file is made, and what the user says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper

__all__ = ["FLOAT", "INT", "TEXT", "Shape", "node", "rng", "value", "write"]

FLOAT, INT, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
node, value = helper.make_node, helper.make_tensor_value_info


@dataclass(frozen=True)
class Shape:
    """One shape. `alone` is a part of the reason why its rows run one at a time; empty: they share batches."""

    name: str
    make: Callable[[Path], None]
    alone: str = ""
    labels: tuple[str, ...] = ()
    sample: Callable[[], pd.DataFrame] | None = None
    wanted: dict[str, Any] = field(default_factory=dict)


def rng() -> np.random.Generator:
    """The same numbers for every shape."""
    return np.random.default_rng(5)


def write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Mapping[str, Any] | None = None,
    *,
    opset: int = 18,
    ir: int = 9,
    functions: Sequence[onnx.FunctionProto] = (),
    domains: Sequence[str] = (),
    **more: Any,
) -> None:
    """Write a model of these nodes; `more` goes to `onnx.save`."""
    fitted = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, fitted)
    opsets = [("", opset), ("ai.onnx.ml", 3), *((domain, 1) for domain in domains)]
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(*one) for one in opsets],
        ir_version=ir,
        functions=list(functions),
    )
    onnx.save(model, path, **more)
