"""Proof that what will be served answers as the file does: row by row, together, and through Triton."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from serving.kernel.storage.version_manifest import Parity
from serving.kernel.tensors import Arrays
from training.added.errors import AddError
from training.added.plan import Plan, differences, tolerance_of
from training.onnx.parity import parity_line

__all__ = ["check", "each_row", "parity"]

Run = Callable[[Arrays], Arrays]


def each_row(run: Run, inputs: Arrays, alone: bool) -> list[Arrays]:
    """The outputs of each row, with a row axis of size 1: run one at a time, or together and taken apart."""
    count = len(next(iter(inputs.values())))
    if alone:
        return [run({name: array[[row]] for name, array in inputs.items()}) for row in range(count)]
    outputs = run(inputs)
    return [{name: array[[row]] for name, array in outputs.items()} for row in range(count)]


def parity(pair: str, plan: Plan, wanted: Sequence[Arrays], found: Sequence[Arrays]) -> list[Parity]:
    """One line per output: how far two runtimes are apart, relative to 1 plus the value."""
    tolerance = tolerance_of((*plan.inputs, *plan.outputs))
    lines = []
    for spec in plan.outputs:
        errors = np.array([_error(a[spec.name], b[spec.name]) for a, b in zip(wanted, found, strict=True)])
        lines.append(parity_line(pair, spec.name, errors, tolerance))
    return lines


def check(lines: Sequence[Parity]) -> None:
    """Raise `AddError` for the first line whose difference is too large."""
    for line in lines:
        if not line.max_error <= line.tolerance:
            raise AddError(
                f"parity {line.pair}: the output {line.output!r} differs by {line.max_error:.3g} in row "
                f"{line.worst_row}; at most {line.tolerance:g} is allowed{_advice(line)}"
            )


def _advice(line: Parity) -> str:
    if not line.pair.startswith("native/"):
        return ""
    return (
        ". The converter gives wrong answers for this model, or 32 bits are too few for its numbers: scale the "
        "inputs, or export the model to ONNX in another way"
    )


def _error(wanted: np.ndarray[tuple[int, ...], np.dtype], found: np.ndarray[tuple[int, ...], np.dtype]) -> float:  # type: ignore[type-arg]
    if wanted.shape != found.shape:
        return float("inf")
    return float(differences(wanted, found).max(initial=0.0))
