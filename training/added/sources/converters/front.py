"""Puts a graph of one matrix behind columns with names, some of which are categories by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, compose, helper

from training.added.sources.exchange import CannotConvert

__all__ = ["with_columns"]

INNER = "inner/"
LABEL_ENCODER = 2
"""The first version of the operator set `ai.onnx.ml` whose `LabelEncoder` gives numbers for any keys."""


def with_columns(
    model: onnx.ModelProto, names: Sequence[str], categories: Mapping[int, Sequence[str | int]]
) -> onnx.ModelProto:
    """The model with an input for each column instead of its only one, a matrix of FP32.

    A column in `categories` takes these values, which become their numbers, and others a missing value. Raises
    `CannotConvert` for a column with the name of an output.
    """
    outputs = [item.name for item in model.graph.output]
    if clash := set(names) & set(outputs):
        raise CannotConvert(
            f"a column is called {min(clash)!r}, as the output is; rename the column before the fit"
        )
    inner = compose.add_prefix(model, INNER)
    _rename(inner.graph, {f"{INNER}{name}": name for name in outputs})
    parts = [f"columns/{index}" if index in categories else name for index, name in enumerate(names)]
    nodes = [_encoder(names[index], parts[index], known) for index, known in categories.items()]
    nodes.append(helper.make_node("Concat", parts, [inner.graph.input[0].name], axis=1))
    graph = helper.make_graph(
        [*nodes, *inner.graph.node],
        model.graph.name,
        [
            helper.make_tensor_value_info(name, _kind(categories.get(index)), ["rows", 1])
            for index, name in enumerate(names)
        ],
        list(inner.graph.output),
        list(inner.graph.initializer),
    )
    opsets = [
        # Trees are the same in all versions of their operator set; some converters name the first one.
        helper.make_opsetid(item.domain, max(item.version, LABEL_ENCODER))
        for item in model.opset_import
    ]
    return helper.make_model(graph, opset_imports=opsets, ir_version=model.ir_version)


def _kind(known: Sequence[str | int] | None) -> int:
    if known is None:
        return int(TensorProto.FLOAT)
    return int(TensorProto.STRING if _texts(known) else TensorProto.INT64)


def _texts(known: Sequence[str | int]) -> bool:
    return all(isinstance(value, str) for value in known)


def _encoder(name: str, output: str, known: Sequence[str | int]) -> onnx.NodeProto:
    return helper.make_node(
        "LabelEncoder",
        [name],
        [output],
        domain="ai.onnx.ml",
        values_floats=[float(number) for number in range(len(known))],
        default_float=float(np.nan),
        **{"keys_strings" if _texts(known) else "keys_int64s": list(known)},
    )


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for item in graph.output:
        item.name = names.get(item.name, item.name)
