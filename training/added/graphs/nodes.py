"""Which column a node of a graph reads, where it reads one alone: the engine's errors name a node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

from serving.kernel.added.columns import Column
from serving.kernel.tensors import TensorSpec

__all__ = ["columns_of_nodes"]

MOST = 2000
"""Nodes that are remembered."""
SAME_PLACES = ("Cast", "Identity", "Imputer", "Scaler")
"""Operators that leave every value at its place."""
LAST = (1, -1)
"""The last axis of a table."""

Read = frozenset[str]
"""The columns that a tensor may depend on."""
Places = tuple[Read, ...]
"""The same for each place on the last axis of a table."""


def columns_of_nodes(
    graph: onnx.GraphProto, columns: Sequence[Column], inputs: Sequence[TensorSpec]
) -> dict[str, str]:
    """Node to the only column that it reads; without nodes that have no name of their own or read several."""
    tensors: dict[str, Read | Places] = {spec.name: _given(spec, columns) for spec in inputs}
    every = frozenset(column.name for column in columns)
    constants = _constants(graph)
    found: dict[str, Read] = {}
    for node in graph.node:
        reads = [tensors[name] for name in node.input if name in tensors]
        # An inner graph may read any tensor of the outer one.
        own = every if any(_is_graph(attribute) for attribute in node.attribute) else _all_of(reads)
        found[node.name] = every if node.name in found else own
        placed = _placed(node, reads, constants)
        if own:  # what is made of constants alone is a constant
            # Outputs and inputs that are left out have an empty name.
            tensors |= dict.fromkeys(filter(None, node.output), own if placed is None else placed)
    alone = {name: min(own) for name, own in found.items() if name and len(own) == 1 < len(every)}
    return dict(list(alone.items())[:MOST])


def _given(spec: TensorSpec, columns: Sequence[Column]) -> Read | Places:
    own = sorted((column for column in columns if column.tensor == spec.name), key=lambda one: one.position)
    names = tuple(frozenset([column.name]) for column in own)
    return names if len(spec.shape) == 2 and spec.shape[1] == len(own) else _all_of([names])


def _placed(
    node: onnx.NodeProto, reads: Sequence[Read | Places], constants: Mapping[str, TensorProto]
) -> Places | None:
    """The places of what a node gives; None if they are not known."""
    tables = [read for read in reads if isinstance(read, tuple)]
    if not tables or len(tables) < len(reads):
        return None
    if node.op_type in SAME_PLACES:
        return tables[0] if len(tables) == 1 else None
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    if node.op_type == "Concat" and axis in LAST and len(tables) == len(node.input):
        return tuple(place for table in tables for place in table)
    chosen = constants.get(node.input[1]) if len(node.input) == 2 else None
    takes = node.op_type == "ArrayFeatureExtractor" or (node.op_type == "Gather" and axis in LAST)
    if chosen is None or not takes:
        return None
    numbers = numpy_helper.to_array(chosen)
    if numbers.ndim == 0 or np.abs(numbers).max(initial=0) >= len(tables[0]):
        return None
    return tuple(tables[0][number] for number in numbers.reshape(-1).tolist())


def _constants(graph: onnx.GraphProto) -> dict[str, TensorProto]:
    """The constants of the file itself, by name."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].type == AttributeProto.TENSOR:
            found[node.output[0]] = node.attribute[0].t
    return {name: tensor for name, tensor in found.items() if tensor.data_location != TensorProto.EXTERNAL}


def _all_of(reads: Iterable[Read | Places]) -> Read:
    found: set[str] = set()
    for read in reads:
        found = found.union(*read) if isinstance(read, tuple) else found | read
    return frozenset(found)


def _is_graph(attribute: AttributeProto) -> bool:
    return attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS)
