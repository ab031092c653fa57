"""Sequence batching: control tensors, states and strategies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tritonclient.grpc import model_config_pb2 as pb

from control.lint.triton.checks.batching import check_preferred
from control.lint.triton.checks.shapes import check_dims
from control.lint.triton.checks.tensors import type_name
from control.lint.triton.findings import ModelFindings, nearest
from control.lint.triton.graph import Graph, Tensor
from control.lint.triton.model import Model

__all__ = ["check"]

HERE = "sequence_batching"
Control = pb.ModelSequenceBatching.Control
VALUES = {"int32_false_true": "TYPE_INT32", "fp32_false_true": "TYPE_FP32", "bool_false_true": "TYPE_BOOL"}
IDENTITIES = ("TYPE_UINT64", "TYPE_INT64", "TYPE_UINT32", "TYPE_INT32", "TYPE_STRING")


def check(model: Model, findings: ModelFindings) -> None:
    """Check `sequence_batching`."""
    if not model.config.HasField(HERE):
        return
    batching = model.config.sequence_batching
    types = _check_controls(batching, findings)
    _check_strategy(model, batching, findings)
    listed = {item.name for item in model.config.input}
    for index, item in enumerate(batching.control_input):
        if item.name in listed:
            fix = "Leave it out of `input`: Triton fills it in"
            findings.add(
                "T180",
                f"{HERE}.control_input[{index}].name",
                f"{item.name!r} is in input",
                "a name that is not in input",
                fix,
            )
    for label, graph in model.distinct_graphs():
        for index, item in enumerate(batching.control_input):
            key = f"{HERE}.control_input[{index}].name"
            _check_tensor(findings, key, item.name, types.get(item.name, ""), graph.inputs, label)
        _check_states(batching, findings, graph, label)


def _check_controls(batching: Any, findings: ModelFindings) -> dict[str, str]:
    """Check each control, and return the data type of each control's tensor."""
    kinds: set[int] = set()
    types: dict[str, str] = {}
    for index, item in enumerate(batching.control_input):
        key = f"{HERE}.control_input[{index}]"
        if not item.name:
            findings.add("T180", f"{key}.name", "not set", "the name of an input of the graph")
        elif item.name in types:
            findings.add("T180", f"{key}.name", repr(item.name), "a tensor of its own for each control")
        if not item.control:
            findings.add("T180", f"{key}.control", "not set", "such as { kind: CONTROL_SEQUENCE_START ... }")
        for place, control in enumerate(item.control):
            here = f"{key}.control[{place}]"
            if control.kind in kinds:
                findings.add("T180", f"{here}.kind", Control.Kind.Name(control.kind), "each kind once")
            kinds.add(control.kind)
            types[item.name] = _check_control(control, here, findings)
    return types


def _check_control(control: Any, key: str, findings: ModelFindings) -> str:
    """Check a control, and return the data type of its tensor; empty if it is not known."""
    given = [name for name in VALUES if len(getattr(control, name))]
    if control.kind == Control.CONTROL_SEQUENCE_CORRID:
        if given:
            findings.add("T180", f"{key}.{given[0]}", "set", "only data_type for CONTROL_SEQUENCE_CORRID")
        name = type_name(control.data_type)
        if name not in IDENTITIES:
            shown = "not set" if control.data_type == pb.TYPE_INVALID else name
            findings.add("T180", f"{key}.data_type", shown, f"one of {', '.join(IDENTITIES)}")
        return name if name in IDENTITIES else ""
    if len(given) != 1:
        shown = " and ".join(given) or "no values"
        findings.add("T180", key, shown, f"one of {', '.join(VALUES)}")
        return ""
    values = list(getattr(control, given[0]))
    if len(values) != 2:
        findings.add("T180", f"{key}.{given[0]}", values, "2 values: false, then true")
    return VALUES[given[0]]


def _check_strategy(model: Model, batching: Any, findings: ModelFindings) -> None:
    if batching.HasField("direct"):
        share = batching.direct.minimum_slot_utilization
        if not 0 <= share <= 1:
            findings.add("T182", f"{HERE}.direct.minimum_slot_utilization", f"{share:g}", "0 to 1")
    if batching.HasField("oldest"):
        key = f"{HERE}.oldest"
        check_preferred(model, findings, batching.oldest.preferred_batch_size, f"{key}.preferred_batch_size")
        if batching.oldest.max_candidate_sequences < 1:
            shown = batching.oldest.max_candidate_sequences
            findings.add("T182", f"{key}.max_candidate_sequences", shown, "1 or more")


def _check_states(batching: Any, findings: ModelFindings, graph: Graph, label: str) -> None:
    for index, state in enumerate(batching.state):
        key = f"{HERE}.state[{index}]"
        kind = type_name(state.data_type)
        if state.data_type == pb.TYPE_INVALID:
            findings.add("T137", f"{key}.data_type", "not set", "such as TYPE_FP32")
            kind = ""
        check_dims(findings, state.dims, f"{key}.dims")
        _check_tensor(findings, f"{key}.input_name", state.input_name, kind, graph.inputs, label)
        _check_tensor(findings, f"{key}.output_name", state.output_name, kind, graph.outputs, label)


def _check_tensor(
    findings: ModelFindings, key: str, name: str, kind: str, known: Mapping[str, Tensor], label: str
) -> None:
    """Check that a tensor that Triton itself fills or stores is in the graph and has the data type."""
    if name not in known:
        shown = repr(name) if name else "not set"
        expected = f"one of {', '.join(known)} ({label})"
        findings.add("T181", key, shown, expected, nearest(name, known))
    elif kind and known[name].data_type != kind:
        findings.add(
            "T181", key, f"{name!r} is {known[name].data_type} in {label}", f"{kind}, as in this configuration"
        )
