"""Gives a graph without a row axis one: each request's row is the whole input of the graph."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import onnx
from onnx import TensorProto, checker, compose, helper

from training.added.errors import AddError
from training.added.graphs.read import DATATYPES, Tensor

__all__ = ["wrapped"]

PREFIX = "inner/"
AXES_ARE_INPUTS = 13
"""The opset since which `Squeeze` and `Unsqueeze` take their axes as an input."""
TYPES = {name: kind for kind, name in DATATYPES.items()}


def wrapped(
    model: onnx.ModelProto,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    add_to_inputs: Collection[str],
    add_to_outputs: Collection[str],
) -> onnx.ModelProto:
    """The model with a first axis of size 1 more on these inputs and outputs; their names stay.

    The inner graph gets a prefix, so that no name of it collides. Its inputs and outputs get the shapes that are
    given, where the file has none. Raises `AddError` for a graph that breaks the rules of ONNX.
    """
    opsets = list(model.opset_import)
    inner = compose.add_prefix(model, PREFIX)
    shapes = {f"{PREFIX}{item.name}": item.shape for item in (*inputs, *outputs)}
    for value in (*inner.graph.input, *inner.graph.output):
        if not value.type.tensor_type.HasField("shape"):
            kind = value.type.tensor_type.elem_type
            sizes = [size or None for size in shapes.get(value.name) or ()]
            value.CopyFrom(helper.make_tensor_value_info(value.name, kind, sizes))
    try:
        front = _ends("front", inputs, add_to_inputs, "Squeeze", opsets, into="front/", of=model.ir_version)
        joined = compose.merge_models(
            front, inner, io_map=[(f"front/{item.name}", f"{PREFIX}{item.name}") for item in inputs]
        )
        back = _ends("back", outputs, add_to_outputs, "Unsqueeze", opsets, into="", of=model.ir_version)
        made = compose.merge_models(
            joined, back, io_map=[(f"{PREFIX}{item.name}", f"back/{item.name}") for item in outputs]
        )
    except (ValueError, checker.ValidationError) as cause:
        text = " ".join(str(cause).split())[:200]
        raise AddError(f"the graph cannot be given a row axis, because it is not valid: {text}") from cause
    made.graph.name = model.graph.name or "added"
    return made


def _ends(
    name: str,
    tensors: Sequence[Tensor],
    changed: Collection[str],
    operator: str,
    opsets: Sequence[onnx.OperatorSetIdProto],
    *,
    into: str,
    of: int,
) -> onnx.ModelProto:
    """A small model that passes tensors on, those in `changed` through `operator` along axis 0."""
    version = max((item.version for item in opsets if item.domain in ("", "ai.onnx")), default=AXES_ARE_INPUTS)
    axes = helper.make_tensor(f"{name}/axes", TensorProto.INT64, [1], [0])
    nodes, ins, outs = [], [], []
    for item in tensors:
        source = item.name if into else f"{name}/{item.name}"
        target = f"{into}{item.name}"
        if item.name not in changed:
            nodes.append(helper.make_node("Identity", [source], [target]))
        elif version >= AXES_ARE_INPUTS:
            nodes.append(helper.make_node(operator, [source, f"{name}/axes"], [target]))
        else:
            nodes.append(helper.make_node(operator, [source], [target], axes=[0]))
        sizes = [size or None for size in item.shape] if item.shape is not None else None
        more = None if sizes is None else ([1, *sizes] if item.name in changed else sizes)
        ins.append(helper.make_tensor_value_info(source, TYPES[item.datatype], more if into else sizes))
        outs.append(helper.make_tensor_value_info(target, TYPES[item.datatype], sizes if into else more))
    used = [axes] if any("axes" in name for node in nodes for name in node.input[1:]) else []
    graph = helper.make_graph(nodes, name, ins, outs, used)
    return helper.make_model(graph, opset_imports=list(opsets), ir_version=of)
