"""Inputs and outputs: check their configuration, and compare it with the graphs."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Any

from tritonclient.grpc import model_config_pb2 as pb

from control.lint.triton.checks.shapes import against, check_dims, check_reshape
from control.lint.triton.findings import ModelFindings, nearest
from control.lint.triton.graph import Graph, Tensor
from control.lint.triton.model import Model

__all__ = ["check", "type_name"]

ROLES = {"input": ("T132", "T133"), "output": ("T134", "T135")}
"""The rules for a tensor that the graph does not have, and for one that only the graph has."""


def check(model: Model, findings: ModelFindings) -> None:
    """Check inputs and outputs."""
    for role in ROLES:
        items = getattr(model.config, role)
        names = Counter(item.name for item in items)
        for index, item in enumerate(items):
            key = f"{role}[{index}]"
            _alone(model, findings, item, key)
            if item.name and names[item.name] > 1 and item is not next(i for i in items if i.name == item.name):
                findings.add("T131", f"{key}.name", repr(item.name), f"a name that no other {role} has")
    _check_inputs(model, findings)
    for index, item in enumerate(model.config.output):
        if item.label_filename and not (model.folder / item.label_filename).is_file():
            findings.add(
                "T149", f"output[{index}].label_filename", repr(item.label_filename), "a file in the folder"
            )
    for label, graph in model.distinct_graphs():
        _against_graph(model, findings, graph, label)


def type_name(number: int) -> str:
    """Return the name of a data type, such as TYPE_FP32."""
    return str(pb.DataType.Name(number))


def _alone(model: Model, findings: ModelFindings, item: Any, key: str) -> None:
    """Check a tensor without a graph."""
    if not item.name:
        findings.add("T130", f"{key}.name", "not set", "the tensor's name in the graph")
    if item.data_type == pb.TYPE_INVALID:
        findings.add("T137", f"{key}.data_type", "not set", "such as TYPE_FP32")
    if not item.dims:
        findings.add("T138", f"{key}.dims", "not set", "such as [1]; the batch axis is not part of it")
    if item.is_shape_tensor and model.backend != "tensorrt":
        findings.add("T147", f"{key}.is_shape_tensor", "true", "false: only TensorRT has shape tensors")
    check_dims(findings, item.dims, f"{key}.dims")
    if item.HasField("reshape"):
        check_reshape(findings, item, key, model.batching)


def _check_inputs(model: Model, findings: ModelFindings) -> None:
    for index, item in enumerate(model.config.input):
        key = f"input[{index}]"
        if item.format != pb.ModelInput.FORMAT_NONE and len(item.dims) != 3:
            expected = "3 dims such as [224, 224, 3], or no format"
            findings.add("T146", f"{key}.format", f"for {len(item.dims)} dims", expected)
        if item.allow_ragged_batch and not model.batching:
            findings.add(
                "T147", f"{key}.allow_ragged_batch", "true with max_batch_size: 0", "max_batch_size above 0"
            )
        if item.optional and model.batching and model.backend == "onnxruntime":
            expected = "false: a model that batches needs every input"
            findings.add("T147", f"{key}.optional", "true", expected)


def _against_graph(model: Model, findings: ModelFindings, graph: Graph, label: str) -> None:
    known = {"input": {**graph.inputs, **graph.overridable}, "output": graph.outputs}
    needed = {"input": graph.inputs, "output": graph.outputs}
    for role, (extra, lacking) in ROLES.items():
        items = list(getattr(model.config, role))
        given = {item.name for item in items}
        for index, item in enumerate(items):
            key = f"{role}[{index}]"
            if not item.name:
                continue
            if item.name not in known[role]:
                left = [name for name in known[role] if name not in given] or list(known[role])
                expected = f"one of {', '.join(known[role])} ({label})"
                findings.add(extra, f"{key}.name", repr(item.name), expected, nearest(item.name, left))
            else:
                _compare(model, findings, item, key, known[role][item.name], label)
        elsewhere = _of_triton(model, role)
        for name, tensor in needed[role].items():
            if name not in given | elsewhere:
                findings.add(
                    lacking, role, f"{name!r} of {label} is missing", f"{role} {_written(model, name, tensor)}"
                )


def _compare(model: Model, findings: ModelFindings, item: Any, key: str, tensor: Tensor, label: str) -> None:
    if not tensor.data_type:
        fix = "Export classifiers without ZipMap, so that probabilities are a tensor"
        findings.add("T148", f"{key}.name", f"{item.name!r} is not a tensor in {label}", "a tensor", fix)
        return
    if item.data_type not in (pb.TYPE_INVALID, pb.DataType.Value(tensor.data_type)):
        given = type_name(item.data_type)
        findings.add("T136", f"{key}.data_type", given, f"{tensor.data_type}, as in {label}")
    if tensor.dims is None or not item.dims:
        return
    if getattr(item, "allow_ragged_batch", False):
        if tensor.dims != (-1,):
            value = f"true for {list(tensor.dims)} of {label}"
            findings.add("T147", f"{key}.allow_ragged_batch", value, "a graph's input with dims [-1]")
        return
    against(findings, item, key, tensor.dims, label, batching=model.batching, exact=key.startswith("output"))


def _of_triton(model: Model, role: str) -> set[str]:
    """Return the tensors that are not part of requests: controls and states of sequences, and batch inputs."""
    batching = model.config.sequence_batching
    names = {getattr(item, f"{role}_name") for item in batching.state}
    if role == "input":
        names |= {item.name for item in batching.control_input}
    return names | set(chain.from_iterable(item.target_name for item in getattr(model.config, f"batch_{role}")))


def _written(model: Model, name: str, tensor: Tensor) -> str:
    """Return the lines to add to the configuration."""
    dims = list(tensor.dims or ())[1 if model.batching else 0 :] or [1]
    return f'{{ name: "{name}" data_type: {tensor.data_type or "TYPE_FP32"} dims: {dims} }}'
