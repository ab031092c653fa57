"""Finds out by running a model how it is to be served: what its rows are, and whether they may share a batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from serving.kernel.tensors import Arrays, TensorSpec
from training.added.errors import AddError
from training.added.graphs.read import Graph, Tensor
from training.added.rows import KINDS, Kind, made_rows

__all__ = ["Overrides", "Plan", "Rows", "Run", "differences", "make_plan", "rows_of", "tolerance_of"]

Run = Callable[[Arrays], Arrays]
"""Runs the graph as it is in its file. Raises `RuntimeError`."""
SHORT, LONG = 5, 8
"""Two sizes of free axes."""
ROWS = 4
"""Rows that are run together and alone."""
SEEDS, PATIENCE = range(7, 39), 0.5
"""Of the rows that a way to fill integers must run with, and the seconds after which no other row is tried."""
MOST_AXES = 31
"""Of an input; with one more, NumPy's arrays have no more room."""
MOST_INPUT = 2**26
"""Values of a row."""
MOST_VALUES = 2**23
"""Of all outputs of a row: JSON and the golden rows have them as text."""
RANDOM = {
    "Bernoulli",
    "Dropout",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
}
TOLERANCE, HALF_TOLERANCE = 1e-4, 2e-2
"""Of 32-bit and 16-bit numbers, absolute and relative."""


class Overrides(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file of `--config` says: it wins over what is found out."""

    inputs: dict[str, tuple[int, ...]] = {}
    """Shapes of inputs, with -1 for a free axis."""
    batch: bool | None = None
    """Whether the first axis of the inputs is the row axis; false: a row is a whole input."""
    alone: bool = False
    """Whether rows run one at a time."""
    why: str = "--config says so"
    """Why they do."""


@dataclass(frozen=True)
class Rows:
    """What a row of each input is."""

    inputs: tuple[Tensor, ...]
    """With the row axis in front."""
    single: tuple[str, ...]
    """Inputs that have no row axis in the graph."""
    alone: str
    """Why the graph takes one row at a time; empty: it may take several."""


@dataclass(frozen=True)
class Plan:
    """How a model is served."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    add_to_inputs: tuple[str, ...]
    """Inputs that get a row axis in front."""
    add_to_outputs: tuple[str, ...]
    alone: str
    """Why rows run one at a time; empty: they share batches."""
    kind: Kind
    """How integers of made rows are filled."""
    varies: bool
    """Whether the sizes of an output depend on the values of a row."""
    values: int
    """The values of all outputs of a row."""
    ragged: bool
    """Whether free axes at the same position of several inputs may have different sizes."""


def tolerance_of(specs: Sequence[TensorSpec]) -> float:
    """The largest difference between two runs of the same graph, absolute and relative."""
    half = any(spec.datatype in ("FP16", "BF16") for spec in specs)
    return HALF_TOLERANCE if half else TOLERANCE


def rows_of(graph: Graph, overrides: Overrides) -> Rows:
    """Tell the row axis from the shapes: a free first axis of every input. Raises `AddError`."""
    if unknown := overrides.inputs.keys() - {item.name for item in graph.inputs}:
        names = ", ".join(item.name for item in graph.inputs)
        raise AddError(f"--config: {min(unknown)!r} is not an input; the model has {names}")
    inputs = [_shaped(item, overrides) for item in graph.inputs]
    shapes = [item.shape or () for item in inputs]
    if overrides.batch is False:
        single = [item.name for item in inputs]
    elif overrides.batch is None and _batch_elsewhere(
        [overrides.inputs.get(i.name, i.shape) for i in graph.inputs]
    ):
        single = [item.name for item in inputs]
    elif all(shape and isinstance(shape[0], str) for shape in shapes):
        return Rows(tuple(inputs), (), " ".join(overrides.why.split()) if overrides.alone else "")
    else:
        one = [bool(shape) and (isinstance(shape[0], str) or shape[0] == 1) for shape in shapes]
        single = [item.name for item, fits in zip(inputs, one, strict=True) if not fits]
    if single and overrides.batch:
        raise AddError(f"--config: batch is true, but the first axis of {single[0]} is not free")
    rows = [replace(item, shape=("", *(item.shape or ()))) if item.name in single else item for item in inputs]
    shown = [item for item in inputs if item.name in single] or [
        one for one in inputs if (one.shape or ("",))[0] == 1
    ]
    why = "the graph has no batch axis" if single else "the graph's batch size is fixed at 1"
    return Rows(tuple(rows), tuple(single), f"{why} ({', '.join(map(_text, shown))})")


def make_plan(graph: Graph, rows: Rows, run: Run, sample: Arrays | None = None) -> Plan:
    """Try the model with one and several rows, together and alone. Raises `AddError` if it does not run at all.

    `sample` has real rows; without it, rows are made up.
    """
    trial = _Trial(graph, run, rows, sample)
    kind, tried = trial.first()
    alone = rows.alone or trial.why_alone(kind)
    found = [*tried, *trial.others(kind)]
    added = tuple(item.name for item in graph.outputs if alone and _lacks_row_axis(item, rows, found))
    outputs = tuple(_output(item, item.name in added, found) for item in graph.outputs)
    inputs = tuple(TensorSpec(item.name, item.datatype, _free(item.shape or ())) for item in rows.inputs)
    shapes = {tuple(array.shape for array in one.values()) for one in tried}
    values = max(sum(array.size for array in one.values()) for one in found)
    return Plan(inputs, outputs, rows.single, added, alone, kind, len(shapes) > 1, values, trial.ragged(kind))


def _batch_elsewhere(shapes: Sequence[Sequence[int | str] | None]) -> bool:
    """Whether an axis other than the first is called a batch, as in PyTorch's LSTM, and no first one is."""

    def is_batch(size: int | str) -> bool:
        return isinstance(size, str) and "batch" in size.lower()

    known = [shape for shape in shapes if shape]
    return any(is_batch(size) for shape in known for size in shape[1:]) and not any(
        is_batch(shape[0]) for shape in known
    )


def _shaped(item: Tensor, overrides: Overrides) -> Tensor:
    """The input with the shape that it is served with; each free axis has a name."""
    given: Sequence[int | str] | None = overrides.inputs.get(item.name, item.shape)
    if given is None:
        raise AddError(
            f"the input {item.name!r} has no shape in the file; name it in the file of --config, "
            f"-1 for a free axis: inputs: {{{item.name}: [-1, 10]}}"
        )
    if item.name in overrides.inputs:
        _check_given(item, overrides.inputs[item.name])
    if len(given) > MOST_AXES:
        raise AddError(f"the input {item.name!r} has {len(given)} axes; at most {MOST_AXES} are supported")
    if (values := math.prod(size for size in given[1:] if isinstance(size, int) and size > 0)) > MOST_INPUT:
        raise AddError(f"a row of the input {item.name!r} has {values} values; at most {MOST_INPUT} are supported")
    fixed = [size if isinstance(size, int) and size > 0 else size or "" for size in given]
    named = [
        size if isinstance(size, int) and size > 0 else _axis(item, axis, size) for axis, size in enumerate(fixed)
    ]
    return replace(item, shape=tuple(named))


def _check_given(item: Tensor, given: Sequence[int]) -> None:
    """Raise `AddError` for a shape of `--config` that the graph does not take."""
    where = f"--config: inputs: {item.name}"
    for axis, size in enumerate(given):
        if size < 1 and size != -1:
            raise AddError(f"{where}: the size of axis {axis} must be 1 or more, or -1 for any, not {size}")
    if item.shape is None:
        return
    if len(given) != len(item.shape):
        raise AddError(
            f"{where}: has {len(given)} axes, and the model's input has {len(item.shape)}: {_text(item)}"
        )
    for axis, (size, own) in enumerate(zip(given, item.shape, strict=True)):
        if isinstance(own, int) and own > 0 and size not in (own, -1):
            raise AddError(f"{where}: axis {axis} has the size {own} in the model, not {size}")


def _axis(item: Tensor, axis: int, size: int | str) -> str:
    return size if isinstance(size, str) and size else f"{item.name}_{axis}"


def _text(item: Tensor) -> str:
    return f"{item.name} [{', '.join(str(size) for size in item.shape or ())}]"


def _free(shape: Sequence[int | str]) -> tuple[int, ...]:
    return (-1, *(size if isinstance(size, int) else -1 for size in shape[1:]))


class _Trial:
    """Runs of one graph with different rows."""

    def __init__(self, graph: Graph, run: Run, rows: Rows, sample: Arrays | None) -> None:
        self._graph = graph
        self._run = run
        self._rows = rows
        self._sample = sample

    def __call__(self, inputs: Arrays) -> Arrays:
        """Run rows; those of inputs without a row axis must be one."""
        return self._run({name: self._bare(name, array) for name, array in inputs.items()})

    def _bare(self, name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(array[0]) if name in self._rows.single else array

    def rows(self, count: int, kind: Kind, length: int = SHORT, seed: int = 7) -> Arrays:
        """Rows with a row axis."""
        if self._sample is None:
            return made_rows(self._rows.inputs, count, length, kind, seed)
        start = seed % max(1, len(next(iter(self._sample.values()))) - count + 1)
        return {name: array[start : start + count] for name, array in self._sample.items()}

    def first(self) -> tuple[Kind, list[Arrays]]:
        """The first way to fill integers with which rows run and give numbers, and their outputs.

        Raises `AddError`.
        """
        failures: list[str] = []
        found: list[tuple[Kind, list[Arrays]]] = []
        for kind in KINDS:
            try:
                tried = self._tried(kind)
            except RuntimeError as cause:
                failures.append(str(cause))
                continue
            numbers = [any(_has_numbers(one[item.name]) for one in tried) for item in self._graph.outputs]
            if any(numbers):
                # An output of zeros' logarithms may still have numbers with other integers.
                found.append((kind, tried))
            if all(numbers):
                return kind, tried
        if found:
            return found[0]
        what = "any row of the sample" if self._sample is not None else "made-up rows; give some with --sample"
        if failures:
            raise AddError(f"the model does not run with {what}: {failures[0]}")
        raise AddError(f"the model gives no number, only NaN or infinity, with {what}")

    def _tried(self, kind: Kind) -> list[Arrays]:
        """The outputs of some single rows, of the first row twice. Raises `RuntimeError` or `AddError`."""
        began = time.monotonic()
        tried = [self(self.rows(1, kind, seed=SEEDS[0]))]
        self._check_answer(tried[0], self(self.rows(1, kind, seed=SEEDS[0])))
        for seed in SEEDS[1:]:
            if time.monotonic() - began > PATIENCE:
                break
            tried.append(self(self.rows(1, kind, seed=seed)))
        return tried

    def _check_answer(self, first: Arrays, again: Arrays) -> None:
        """Raise `AddError` for outputs that are too large, or not the same each time."""
        if (size := sum(array.size for array in first.values())) > MOST_VALUES:
            raise AddError(
                f"an answer has {size:,} values; at most {MOST_VALUES:,} are supported. Let the graph reduce them"
            )
        for item in self._graph.outputs:
            one, two = first[item.name], again[item.name]
            if one.shape != two.shape or _error(item, one, two) > _tolerance(item):
                drawn = sorted({node.op_type for node in self._graph.model.graph.node} & RANDOM)
                raise AddError(
                    f"the output {item.name!r} of the same row is another one each time"
                    + (f", because of {', '.join(drawn)}" if drawn else "")
                    + "; export the model for inference, without random numbers"
                )

    def ragged(self, kind: Kind) -> bool:
        """Whether the graph runs with a size of its own for each free axis at the same position."""
        axes: dict[int, list[str]] = {}
        for item in self._rows.inputs:
            for axis, size in enumerate((item.shape or ())[1:]):
                if isinstance(size, str) and size not in axes.setdefault(axis, []):
                    axes[axis].append(size)
        lengths = {name: SHORT + at for names in axes.values() for at, name in enumerate(names)}
        if not any(len(names) > 1 for names in axes.values()):
            return False
        try:
            rows = made_rows(self._rows.inputs, 1, SHORT, kind, lengths=lengths)
            self(rows)
        except RuntimeError:
            return False
        return True

    def others(self, kind: Kind) -> list[Arrays]:
        """The outputs of single rows with other values, and other sizes of free axes."""
        made = []
        for length, seed in ((SHORT, 11), (SHORT, 12), (LONG, 13)):
            try:
                made.append(self(self.rows(1, kind, length, seed)))
            except RuntimeError:  # a free axis that takes one size only
                continue
        return made

    def why_alone(self, kind: Kind) -> str:
        """Why rows may not share a batch; empty if they may."""
        inputs = self.rows(ROWS, kind)
        count = len(next(iter(inputs.values())))
        try:
            together = self(inputs)
            apart = [self({name: array[[index]] for name, array in inputs.items()}) for index in range(count)]
        except RuntimeError as cause:
            return f"the graph fails with several rows: {str(cause)[:200]}"
        for item in self._graph.outputs:
            why = _why_apart(item, together[item.name], [one[item.name] for one in apart])
            if why:
                return why
        return ""


def _why_apart(item: Tensor, together: npt.NDArray[Any], apart: Sequence[npt.NDArray[Any]]) -> str:
    """Why this output does not allow batches; empty if it does."""
    if together.ndim == 0 or len(together) != len(apart) or any(one.shape[:1] != (1,) for one in apart):
        return f"the output {item.name} has no batch axis"
    if any(one.shape[1:] != together.shape[1:] for one in apart):
        return f"the sizes of the output {item.name} depend on the rows of the batch"
    error = _error(item, together, np.concatenate(apart))
    if error <= _tolerance(item):
        return ""
    return (
        f"the output {item.name} of a row depends on the other rows of its batch, by up to {error:.3g}. "
        "If the first axis is a sequence, say so in the file of --config: batch: false"
    )


def _tolerance(item: Tensor) -> float:
    return tolerance_of([TensorSpec(item.name, item.datatype, (-1,))])


def _error(item: Tensor, wanted: npt.NDArray[Any], found: npt.NDArray[Any]) -> float:
    if wanted.size == 0:
        return 0.0
    rows = [array.reshape(1, -1) if array.ndim == 0 else array for array in (wanted, found)]
    return float(differences(rows[0], rows[1]).max(initial=0.0))


def _lacks_row_axis(item: Tensor, rows: Rows, found: Sequence[Arrays]) -> bool:
    """Whether the output of one row has no first axis of size 1.

    Where only some inputs have a row axis, the output has it if its first axis is called the same.
    """
    if any(one[item.name].shape[:1] != (1,) for one in found):
        return True
    axes = {one.shape[0] for one in rows.inputs if one.shape and one.name not in rows.single}
    return bool(rows.single) and (not item.shape or item.shape[0] not in axes - {"", 1})


def _output(item: Tensor, added: bool, found: Sequence[Arrays]) -> TensorSpec:
    """The output with the sizes that it really has; a size that the graph names, or that changes, is free."""
    shapes = [one[item.name].shape if added else one[item.name].shape[1:] for one in found]
    if len({len(shape) for shape in shapes}) > 1:
        raise AddError(f"the output {item.name!r} has a different number of axes from row to row")
    declared = item.shape or ()
    names = declared if added else declared[1:]
    sizes = []
    for axis, size in enumerate(shapes[0]):
        named = axis < len(names) and isinstance(names[axis], str) and names[axis] != ""
        sizes.append(-1 if named or any(shape[axis] != size for shape in shapes) else size)
    return TensorSpec(item.name, item.datatype, (-1, *sizes))


def _has_numbers(array: npt.NDArray[Any]) -> bool:
    return array.dtype.kind != "f" or array.size == 0 or bool(np.isfinite(array.astype(np.float64)).any())


def differences(wanted: npt.NDArray[Any], found: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The largest difference of each row, relative to 1 plus the value; infinite where none can be taken."""
    if wanted.dtype.kind in "OSU":
        error = np.where(wanted == found, 0.0, np.inf)
    else:
        left, right = wanted.astype(np.float64), found.astype(np.float64)
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        with np.errstate(invalid="ignore"):
            error = np.abs(left - right) / (1 + np.abs(left))
        error = np.where(np.isfinite(error), error, np.inf)
        error[same] = 0.0
    rows: npt.NDArray[np.float64] = error.reshape(len(error), -1).max(axis=1, initial=0.0)
    return rows
