"""Dims: which are allowed, and whether those of a configuration fit those of a graph.

With `max_batch_size` above 0, Triton adds a free axis before the dims. An input may have any dim where the graph's
axis is free. The dims of an output must equal those of the graph, with -1 for a free axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from control.lint.triton.findings import ModelFindings

__all__ = ["against", "check_dims", "check_reshape", "compatible"]

FREE = -1


def check_dims(findings: ModelFindings, dims: Sequence[int], key: str, rule: str = "T139") -> None:
    """Check that every dim is 1 or more, or -1."""
    for index, dim in enumerate(dims):
        if dim < 1 and dim != FREE:
            findings.add(rule, f"{key}[{index}]", dim, "1 or more, or -1 for any")


def check_reshape(findings: ModelFindings, item: Any, key: str, batching: bool) -> None:
    """Check that `reshape` has as many elements as `dims`."""
    dims, shape = list(item.dims), list(item.reshape.shape)
    here = f"{key}.reshape.shape"
    check_dims(findings, shape, here, "T145")
    if not shape:
        if not batching:
            findings.add("T145", f"{key}.reshape", "empty", "a shape, as max_batch_size is 0")
        elif _parts(dims) != [1]:
            findings.add("T145", f"{key}.reshape", f"empty for dims {dims}", "dims: [1]")
    elif all(dim > 0 or dim == FREE for dim in dims + shape) and _parts(dims) != _parts(shape):
        expected = f"as many elements as dims {dims} has" if FREE not in dims + shape else _free_expected(dims)
        findings.add("T145", here, shape, expected)


def _free_expected(dims: list[int]) -> str:
    return f"as many -1 as dims {dims} has, with equal numbers of elements between them"


def _parts(dims: Sequence[int]) -> list[int]:
    """Return the numbers of elements between the free axes."""
    parts: list[list[int]] = [[]]
    for dim in dims:
        if dim == FREE:
            parts.append([])
        else:
            parts[-1].append(dim)
    return [math.prod(part) for part in parts]


def against(
    findings: ModelFindings, item: Any, key: str, graph: Sequence[int], label: str, *, batching: bool, exact: bool
) -> None:
    """Compare the dims of `item`, or of its reshape, with those of the graph, including the batch axis."""
    dims = list(item.reshape.shape) if item.HasField("reshape") else list(item.dims)
    here = f"{key}.reshape.shape" if item.HasField("reshape") else f"{key}.dims"
    shown = f"{list(graph)} of {label}"
    if not graph:
        _against_scalar(findings, dims, here, label, batching)
        return
    if batching and graph[0] != FREE and len(graph) == len(dims) + 1:
        fix = "Export with a free first axis (dynamic_axes), or write max_batch_size: 0 and all dims"
        findings.add("T142", "max_batch_size", f"above 0 for {item.name!r} with {shown}", "a free first axis", fix)
        return
    whole = [FREE, *dims] if batching else dims
    if len(whole) != len(graph):
        _wrong_rank(findings, here, dims, graph, shown, batching)
    elif not _fits(whole, graph, exact):
        wanted = list(graph[1:] if batching else graph)
        findings.add("T140", here, dims, f"{wanted}, as the graph has {shown}", _dim_fix(whole, graph))


def _against_scalar(findings: ModelFindings, dims: list[int], here: str, label: str, batching: bool) -> None:
    if batching:
        fix = "Write max_batch_size: 0, or give the graph's tensor a batch axis"
        findings.add("T142", "max_batch_size", f"above 0 for a single number of {label}", "a free first axis", fix)
    elif any(dim != 1 for dim in dims):
        findings.add("T140", here, dims, f"[1], as the tensor of {label} is a single number")


def _fits(whole: Sequence[int], graph: Sequence[int], exact: bool) -> bool:
    return all(mine == theirs or (theirs == FREE and not exact) for mine, theirs in zip(whole, graph, strict=True))


def _dim_fix(whole: Sequence[int], graph: Sequence[int]) -> str:
    pairs = zip(whole, graph, strict=True)
    if any(theirs == FREE != mine for mine, theirs in pairs):
        return "An output that is free in the graph is -1 here; fix it in the graph to promise more"
    return ""


def _wrong_rank(
    findings: ModelFindings, here: str, dims: list[int], graph: Sequence[int], shown: str, batching: bool
) -> None:
    wanted = list(graph[1:] if batching else graph)
    if batching and len(dims) == len(graph) and dims[0] in (FREE, graph[0]):
        fix = "Leave the batch axis out: Triton adds it, as max_batch_size is above 0"
        findings.add("T141", here, dims, f"{wanted}, as the graph has {shown}", fix)
    elif not batching and len(dims) + 1 == len(graph) and graph[0] == FREE:
        fix = f"Set max_batch_size, or write dims: {wanted}"
        findings.add("T141", here, dims, f"{wanted}, as the graph has {shown} and max_batch_size is 0", fix)
    elif batching and not wanted and dims == [1]:
        fix = "Add reshape { shape: [ ] }: the graph has no axis but the batch's"
        findings.add("T140", here, dims, f"no dims, as the graph has {shown}", fix)
    else:
        findings.add("T140", here, dims, f"{len(wanted)} dims, {wanted}, as the graph has {shown}")


def compatible(first: Sequence[int], second: Sequence[int]) -> bool:
    """Return whether dims may be equal: the same number of dims, each equal or free on one side."""
    return len(first) == len(second) and all(a == b or FREE in (a, b) for a, b in zip(first, second, strict=True))
