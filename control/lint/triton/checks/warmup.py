"""Warm-up samples, which Triton runs before the first request, and the response cache."""

from __future__ import annotations

from typing import Any

from tritonclient.grpc import model_config_pb2 as pb

from control.lint.triton.checks.tensors import type_name
from control.lint.triton.findings import ModelFindings, nearest
from control.lint.triton.model import Model

__all__ = ["check"]


def check(model: Model, findings: ModelFindings) -> None:
    """Check that the model could answer every warm-up sample, and check the response cache."""
    config = model.config
    for index, sample in enumerate(config.model_warmup):
        _check_sample(model, sample, f"model_warmup[{index}]", findings)
    if config.model_transaction_policy.decoupled and config.response_cache.enable:
        fix = "Switch one of the two off"
        findings.add("T201", "response_cache.enable", "true for a decoupled model", "false", fix)


def _check_sample(model: Model, sample: Any, key: str, findings: ModelFindings) -> None:
    most = model.config.max_batch_size
    if sample.batch_size == 0:
        findings.add("T202", f"{key}.batch_size", 0, f"1 to {max(most, 1)}")
    elif sample.batch_size > max(most, 1):
        findings.add("T200", f"{key}.batch_size", sample.batch_size, f"1 to {max(most, 1)}, the max_batch_size")
    inputs = {item.name: item for item in model.config.input}
    for name in sorted(sample.inputs):
        here = f'{key}.inputs["{name}"]'
        if name in inputs:
            _check_input(model, inputs[name], sample.inputs[name], f"{here}.value", findings)
        else:
            findings.add("T200", here, repr(name), f"one of {', '.join(inputs)}", nearest(name, inputs))
    lacking = [name for name, item in inputs.items() if name not in sample.inputs and not item.optional]
    for name in lacking:
        findings.add("T200", f"{key}.inputs", f"without {name!r}", f"an entry for each input: {', '.join(inputs)}")


def _check_input(model: Model, item: Any, given: Any, key: str, findings: ModelFindings) -> None:
    if given.data_type != item.data_type:
        expected = f"{type_name(item.data_type)}, as the input has"
        findings.add("T200", f"{key}.data_type", type_name(given.data_type), expected)
    dims = list(given.dims)
    if any(dim < 1 for dim in dims) or not dims:
        findings.add("T200", f"{key}.dims", dims or "not set", "every dim 1 or more: a sample has one size")
    elif len(dims) != len(item.dims) or any(
        want not in (-1, have) for have, want in zip(dims, item.dims, strict=True)
    ):
        findings.add("T200", f"{key}.dims", dims, f"as the input's dims {list(item.dims)}, without the batch axis")
    choice = given.WhichOneof("input_data_type")
    if choice is None:
        findings.add("T200", key, "no data", "zero_data: true, random_data: true or input_data_file")
    elif choice == "random_data" and given.data_type == pb.TYPE_STRING:
        findings.add("T200", f"{key}.random_data", "true for text", "zero_data: true or input_data_file")
    elif choice == "input_data_file" and not (model.folder / "warmup" / given.input_data_file).is_file():
        shown = repr(given.input_data_file)
        findings.add("T200", f"{key}.input_data_file", shown, f"a file in {model.name}/warmup")
