"""Instance groups, optimization and the backend's parameters."""

from __future__ import annotations

from typing import Any

from tritonclient.grpc import model_config_pb2 as pb

from control.lint.triton.findings import ModelFindings, nearest
from control.lint.triton.model import Model

__all__ = ["check"]

Group = pb.ModelInstanceGroup
ACCELERATORS = {"gpu_execution_accelerator": ("tensorrt", "cuda"), "cpu_execution_accelerator": ("openvino",)}
GRAPH_LEVELS = (-1, 0, 1, 2)
NUMBERS = {
    "intra_op_thread_count": None,
    "inter_op_thread_count": None,
    "execution_mode": ("0", "1"),
    "enable_mem_arena": ("0", "1"),
    "enable_mem_pattern": ("0", "1"),
    "cudnn_conv_algo_search": ("0", "1", "2"),
    "arena_extend_strategy": ("0", "1"),
    "do_copy_in_default_stream": ("0", "1"),
    "gpu_mem_limit": None,
    "session.use_device_allocator_for_initializers": ("0", "1"),
}
"""Numeric parameters of the ONNX Runtime backend, and their allowed values; None: any number from 0."""
TEXTS = ("memory.enable_memory_arena_shrinkage",)


def check(model: Model, findings: ModelFindings) -> None:
    """Check instance groups, optimization and parameters."""
    config = model.config
    for index, group in enumerate(config.instance_group):
        _check_group(model, group, f"instance_group[{index}]", findings)
    if config.instance_group and all(group.passive for group in config.instance_group):
        findings.add("T163", "instance_group", "every group is passive", "a group that is not passive")
    if model.backend == "onnxruntime":
        _check_optimization(config, findings)
        _check_parameters(config.parameters, findings)


def _check_group(model: Model, group: Any, key: str, findings: ModelFindings) -> None:
    kind = Group.Kind.Name(group.kind)
    if group.count < 0:
        findings.add("T164", f"{key}.count", group.count, "1 or more")
    if group.gpus and group.kind in (Group.KIND_CPU, Group.KIND_MODEL):
        fix = "Write kind: KIND_GPU, or leave gpus out"
        findings.add("T160", f"{key}.gpus", f"{list(group.gpus)} with {kind}", "no GPUs", fix)
    for index, number in enumerate(group.gpus):
        if number < 0:
            findings.add("T161", f"{key}.gpus[{index}]", number, "a GPU's number, from 0")
    if group.profile and model.backend != "tensorrt":
        findings.add("T162", f"{key}.profile", f"set for backend {model.backend!r}", "no profile")


def _check_optimization(config: Any, findings: ModelFindings) -> None:
    optimization = config.optimization
    key = "optimization"
    if optimization.HasField("graph") and optimization.graph.level not in GRAPH_LEVELS:
        expected = "-1 (basic), 0 (all), 1 (extended) or 2 (none)"
        findings.add("T191", f"{key}.graph.level", optimization.graph.level, expected)
    kinds = {group.kind for group in config.instance_group}
    for name, known in ACCELERATORS.items():
        wanted = Group.KIND_GPU if name.startswith("gpu") else Group.KIND_CPU
        for index, one in enumerate(getattr(optimization.execution_accelerators, name)):
            here = f"{key}.execution_accelerators.{name}[{index}].name"
            if one.name not in known:
                findings.add("T190", here, repr(one.name), f"one of {', '.join(known)}", nearest(one.name, known))
            elif kinds and not kinds & {wanted, Group.KIND_AUTO}:
                findings.add("T192", here, repr(one.name), f"a group of {Group.Kind.Name(wanted)}")


def _check_parameters(parameters: Any, findings: ModelFindings) -> None:
    for name in sorted(parameters):
        value, key = parameters[name].string_value, f'parameters["{name}"]'
        if name not in NUMBERS and name not in TEXTS:
            known = [*NUMBERS, *TEXTS]
            findings.add("T193", key, repr(value), f"one of {', '.join(known)}", nearest(name, known))
            continue
        if name in TEXTS:
            continue
        allowed = NUMBERS[name]
        number = value.isascii() and value.isdigit()
        if not number or (allowed and value not in allowed):
            expected = f"one of {', '.join(allowed)}" if allowed else "a whole number from 0"
            findings.add("T191", f"{key}.value.string_value", repr(value), expected)
