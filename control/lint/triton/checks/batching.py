"""Dynamic batching: preferred batches, delays, priorities and queues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tritonclient.grpc import model_config_pb2 as pb

from control.lint.triton.findings import ModelFindings
from control.lint.triton.model import Model

__all__ = ["check", "check_preferred"]

LONG_DELAY = 1_000_000
"""A delay of this many microseconds or more is probably given in a wrong unit."""
HERE = "dynamic_batching"


def check(model: Model, findings: ModelFindings) -> None:
    """Check `dynamic_batching`."""
    if not model.config.HasField(HERE):
        return
    batching = model.config.dynamic_batching
    if model.config.max_batch_size == 0:
        fix = "Set max_batch_size, or leave dynamic_batching out"
        findings.add("T143", HERE, "with max_batch_size: 0", "max_batch_size above 0", fix)
    check_preferred(model, findings, batching.preferred_batch_size, f"{HERE}.preferred_batch_size")
    delay = batching.max_queue_delay_microseconds
    if delay >= LONG_DELAY:
        value = f"{delay}, which is {delay / 1e6:g} s"
        findings.add("T173", f"{HERE}.max_queue_delay_microseconds", value, "microseconds, such as 500")
    _check_priorities(batching, findings)
    for key, policy in _policies(batching):
        _check_policy(batching, policy, key, findings)


def check_preferred(model: Model, findings: ModelFindings, sizes: Any, key: str) -> None:
    """Check that preferred batch sizes are between 1 and `max_batch_size`."""
    most = model.config.max_batch_size
    for index, size in enumerate(sizes):
        if not 1 <= size <= max(most, 0):
            findings.add("T170", f"{key}[{index}]", size, f"1 to max_batch_size, which is {most}")


def _check_priorities(batching: Any, findings: ModelFindings) -> None:
    levels, default = batching.priority_levels, batching.default_priority_level
    if not levels:
        if default:
            fix = f"Write priority_levels: {default} or more, or leave it out"
            findings.add(
                "T174", f"{HERE}.default_priority_level", f"{default} without levels", "priority_levels", fix
            )
        for level in sorted(batching.priority_queue_policy):
            key = f'{HERE}.priority_queue_policy["{level}"]'
            findings.add(
                "T174", key, "without levels", "priority_levels", "Use default_queue_policy for all requests"
            )
        return
    if not 1 <= default <= levels:
        shown = default or "not set"
        findings.add("T171", f"{HERE}.default_priority_level", shown, f"1 to {levels}, the priority_levels")
    for level in sorted(batching.priority_queue_policy):
        if not 1 <= level <= levels:
            key = f'{HERE}.priority_queue_policy["{level}"]'
            findings.add("T171", key, level, f"1 to {levels}, the priority_levels")
    if batching.preserve_ordering and levels > 1:
        findings.add(
            "T172", f"{HERE}.preserve_ordering", f"true with {levels} priority levels", "one level, or false"
        )


def _policies(batching: Any) -> Iterator[tuple[str, Any]]:
    if batching.HasField("default_queue_policy"):
        yield f"{HERE}.default_queue_policy", batching.default_queue_policy
    for level in sorted(batching.priority_queue_policy):
        yield f'{HERE}.priority_queue_policy["{level}"].value', batching.priority_queue_policy[level]


def _check_policy(batching: Any, policy: Any, key: str, findings: ModelFindings) -> None:
    delays = policy.timeout_action == pb.ModelQueuePolicy.DELAY
    timeout = policy.default_timeout_microseconds
    if delays and timeout and batching.preserve_ordering:
        expected = "REJECT, or preserve_ordering: false"
        findings.add("T172", f"{key}.timeout_action", "DELAY with preserve_ordering", expected)
    if delays and not timeout and not policy.allow_timeout_override:
        expected = "default_timeout_microseconds, or allow_timeout_override: true"
        findings.add("T174", f"{key}.timeout_action", "DELAY without a timeout", expected)
