"""An app made from the manifest of a version that was added from a file.

Each version has its own, so that two versions of a model may have different columns. Its folder is the model's in
the repository, with `values.yaml` and `README.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from math import isfinite, isnan
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from serving.kernel.added.columns import AddedContext, Column
from serving.kernel.added.record_types import answer_type, is_scalar, question_types, shown
from serving.kernel.app import App
from serving.kernel.errors import Invalid
from serving.kernel.scores import sigmoid
from serving.kernel.storage.version_files import Refused, decode_context
from serving.kernel.storage.version_manifest import Manifest
from serving.kernel.tensors import Arrays, TensorSpec, bfloat16_bits, from_bfloat16, numpy_dtype

__all__ = ["added_app"]

MOST_BF16 = 3.3895314e38
UNHELD = (OverflowError, RuntimeWarning, ValueError)
"""Raised for values that an array cannot hold, and for lists that are no array. Warnings may be errors."""


def added_app(manifest: Manifest, folder: Path) -> App[Any, Any, AddedContext]:
    """The app of one version; `folder` is the model's in the repository. Raises `Refused`."""
    context = decode_context(manifest, AddedContext)
    _check(manifest, context)
    question, positional = question_types(manifest.model, context.columns, manifest.inputs)
    answer = answer_type(manifest.model, manifest.outputs, context)
    try:
        example = msgspec.convert(context.example, question)
    except msgspec.ValidationError as cause:
        raise Refused(f"manifest.json: context.example: {cause}") from cause
    features = _Features(question, context.columns, manifest.inputs)
    free = any(-1 in spec.shape[1:] for spec in manifest.inputs)
    return App(
        name=manifest.model,
        summary=f"The model {manifest.model}, added from {manifest.source or 'a file'}{_unjudged(context)}.",
        question=question,
        positional=positional,
        answer=answer,
        context=AddedContext,
        example=example,
        inputs=manifest.inputs,
        outputs=manifest.outputs,
        feature_names=manifest.feature_names,
        features=features,
        decide=_Answers(answer, manifest.outputs, context),
        batch_key=features.lengths if free else None,
        ragged=context.ragged,
        unsteady=context.unsteady,
        row_by_row=bool(context.alone) or not context.row_axis,
        row_axis=context.row_axis,
        columns_of_nodes=_columns_of_nodes(context),
        triton_platform=context.triton_platform,
        triton_backend=context.triton_backend,
        tolerance=context.tolerance,
        relative_tolerance=context.tolerance,
        home=folder,
    )


def _check(manifest: Manifest, context: AddedContext) -> None:
    """Raise `Refused` for columns and outputs that the version does not have."""
    inputs = {spec.name: spec for spec in manifest.inputs}
    outputs = {spec.name for spec in manifest.outputs}
    for column in context.columns:
        if column.tensor not in inputs:
            raise Refused(f"manifest.json: context: column {column.name!r} goes to {column.tensor!r}, no input")
    if missing := inputs.keys() - {column.tensor for column in context.columns}:
        raise Refused(f"manifest.json: context: no column goes to the input {min(missing)!r}")
    for name in filter(None, (context.index, context.scores)):
        if name not in outputs:
            raise Refused(f"manifest.json: context: {name!r} is not an output")
    if context.numbers and len(context.numbers) != len(context.labels):
        raise Refused(f"manifest.json: context: {len(context.numbers)} numbers of {len(context.labels)} labels")


def _columns_of_nodes(context: AddedContext) -> dict[str, tuple[str, str]]:
    """Node -> column and input. Whatever a model with one column refuses is in that column."""
    tensors = {column.name: column.tensor for column in context.columns}
    found = {node: (name, tensors[name]) for node, name in context.nodes.items() if name in tensors}
    return found | ({"": next(iter(tensors.items()))} if len(tensors) == 1 else {})


def _unjudged(context: AddedContext) -> str:
    """Said wherever the model is described."""
    return "" if context.judged else "; not judged against known answers"


class _Features:
    """Questions, as objects or as arrays, to the tensors of the model."""

    def __init__(self, question: Any, columns: Sequence[Column], inputs: Sequence[TensorSpec]) -> None:
        self._question = question
        self._columns = columns
        self._inputs = inputs
        self._whole_row = len(columns) == 1 and columns[0].position < 0 and not is_scalar(inputs[0])
        shape, positions = inputs[0].shape, [column.position for column in columns]
        self._is_table = len(inputs) == 1 and len(shape) == 2 and positions == list(range(shape[1]))
        names = [f"c{index}" for index in range(len(columns))]
        one = attrgetter(*names)
        self._values: Callable[[Any], tuple[Any, ...]] = one if len(names) > 1 else lambda row: (one(row),)

    def __call__(self, questions: Sequence[Any], context: AddedContext) -> Arrays:
        """Raise `Invalid` for rows that make no tensor, such as lists of different lengths."""
        rows = list(map(self._row, questions))
        if self._is_table:
            # An array of each column would take several times as long for one row.
            with suppress(*UNHELD):
                return {self._inputs[0].name: _array(self._inputs[0], rows)}
        columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
        made = {spec.name: self._tensor(spec, columns, len(rows)) for spec in self._inputs}
        if len(made) > 1 and not context.ragged:
            self._check_lengths(made)
        return made

    def _check_lengths(self, made: Arrays) -> None:
        """Raise `Invalid` if free axes at the same position have different sizes."""
        known: dict[int, tuple[str, int]] = {}
        for spec in self._inputs:
            for axis, size in enumerate(made[spec.name].shape):
                if axis == 0 or spec.shape[axis] != -1:
                    continue
                other, wanted = known.setdefault(axis, (spec.name, size))
                if size != wanted:
                    found = f"{size} values on axis {axis}; {other} has {wanted}, and they must agree"
                    raise Invalid(f"[0].{spec.name}", f"has {found}")

    def lengths(self, questions: Sequence[Any]) -> Hashable:
        """The sizes of the free axes of the first question: requests with others do not share its batch."""
        row = self._row(questions[0])
        return tuple([_sizes(value) for value in row if isinstance(value, list)])

    def _row(self, question: Any) -> tuple[Any, ...]:
        """The values of the columns, in order."""
        if isinstance(question, self._question):
            return self._values(question)
        return (question,) if self._whole_row else tuple(question)

    def _tensor(self, spec: TensorSpec, columns: list[list[Any]], count: int) -> npt.NDArray[Any]:
        own = [(column, values) for column, values in zip(self._columns, columns, strict=True)]
        own = [(column, values) for column, values in own if column.tensor == spec.name]
        if own[0][0].position < 0:
            return _stack(spec, own[0][0], own[0][1])
        made = np.zeros((count, *spec.shape[1:]), numpy_dtype(spec.datatype))
        for column, values in own:
            made[..., column.position] = _vector(spec, column, values).reshape(count, *[1] * (made.ndim - 2))
        return made


class _Answers:
    """Outputs to answers."""

    def __init__(self, answer: Any, outputs: Sequence[TensorSpec], context: AddedContext) -> None:
        self._answer = answer
        self._shown = shown(outputs, context)

    def __call__(self, questions: Sequence[Any], outputs: Arrays, context: AddedContext) -> list[Any]:
        """One answer per question."""
        columns: list[list[Any]] = []
        if context.labels:
            columns += self._labelled(outputs, context)
        columns += [_rows(outputs[spec.name], is_scalar(spec)) for spec in self._shown]
        return [self._answer(*values) for values in zip(*columns, strict=True)]

    def _labelled(self, outputs: Arrays, context: AddedContext) -> list[list[Any]]:
        """The class of each row, and the probability of each class where the model has scores."""
        labels = context.labels
        made: list[list[Any]] = []
        if context.scores:
            scores = outputs[context.scores].astype(np.float64)
            scores = _probabilities(scores.reshape(len(scores), -1), context.softmax)
            rows, largest = scores.tolist(), scores.argmax(axis=1).tolist()
            # `argmax` finds NaN first; without a number for each class, none of them is the largest.
            chosen = [None if isnan(row[one]) else one for row, one in zip(rows, largest, strict=True)]
            made = [[dict(zip(labels, row, strict=True)) for row in rows]]
        if context.index:
            chosen = outputs[context.index].reshape(-1).tolist()
            if context.numbers:
                names = dict(zip(context.numbers, labels, strict=True))
                chosen = [names.get(one, str(one)) for one in chosen]
        return [[_label(labels, one) for one in chosen], *made]


def _label(labels: Sequence[str], index: int | str | None) -> str | None:
    """The name of a class by its place; a name, or none, stays."""
    if index is None or isinstance(index, str):
        return index
    return labels[index] if 0 <= index < len(labels) else str(index)


def _probabilities(scores: npt.NDArray[np.float64], softmax: bool) -> npt.NDArray[np.float64]:
    """Scores [rows, classes] as probabilities; a single score is that of the second of two classes."""
    if scores.shape[1] == 1:
        second = sigmoid(scores) if softmax else scores
        return np.concatenate([1 - second, second], axis=1)
    if not softmax:
        return scores
    top = scores.max(axis=1, keepdims=True)
    if not isfinite(np.vdot(top, top)):
        top = np.where(np.isfinite(top), top, np.nan)  # an infinite score makes NaN, and no label
    powers = np.exp(scores - top)
    made: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return made


def _rows(array: npt.NDArray[Any], scalar: bool) -> list[Any]:
    rows: list[Any] = (array.reshape(-1) if scalar else array).tolist()
    return rows


def _array(spec: TensorSpec, values: Any) -> npt.NDArray[Any]:
    """The values as the tensor has them. Raises one of `UNHELD` for what it cannot hold."""
    dtype = numpy_dtype(spec.datatype)
    made = np.array(values, dtype)
    # The product is the quickest look at all values: it is finite unless one is infinite, NaN or very large.
    if dtype.kind == "f" and not isfinite(np.vdot(made, made)):
        held = from_bfloat16(bfloat16_bits(made)) if spec.datatype == "BF16" else made
        infinite = np.isinf(held)
        if infinite.any() and (infinite & np.isfinite(np.array(values, np.float64))).any():
            raise OverflowError(f"a number is too large for {spec.datatype}")
    return made


def _vector(spec: TensorSpec, column: Column, values: list[Any]) -> npt.NDArray[Any]:
    if column.optional:
        values = [np.nan if value is None else value for value in values]
    try:
        return _array(spec, values)
    except UNHELD as cause:
        raise _beyond(spec, column, values) from cause


def _stack(spec: TensorSpec, column: Column, values: list[Any]) -> npt.NDArray[Any]:
    """The rows of a whole tensor; a value of a scalar column is a row of its own."""
    if is_scalar(spec):
        return _vector(spec, column, values).reshape(len(values), *spec.shape[1:])
    try:
        made = _array(spec, values)
    except UNHELD as cause:
        raise _misfit(spec, column, values) from cause
    if made.ndim != len(spec.shape):
        raise _misfit(spec, column, values)
    return made


def _misfit(spec: TensorSpec, column: Column, values: list[Any]) -> Invalid:
    """The error that names the first row that differs from the first one, or whose value is too large."""
    sizes = [_sizes(value) for value in values]
    for index, found in enumerate(sizes):
        if found is None or len(found) != len(spec.shape) - 1:
            return Invalid(f"[{index}].{column.name}", f"its lists must have the shape {list(spec.shape[1:])}")
        if found != sizes[0]:
            return Invalid(
                f"[{index}].{column.name}",
                f"has the shape {list(found)}; the instances of one request must agree, and the first one has "
                f"{list(sizes[0] or ())}",
            )
    return _beyond(spec, column, values)


def _beyond(spec: TensorSpec, column: Column, values: list[Any]) -> Invalid:
    """The error that names the first value that the tensor cannot hold."""
    dtype = numpy_dtype(spec.datatype)
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    least, most = (-MOST_BF16, MOST_BF16) if spec.datatype == "BF16" else (limits.min, limits.max)
    places = (_first_beyond(spec, value, f"[{row}].{column.name}") for row, value in enumerate(values))
    place = next(filter(None, places), f"[0].{column.name}")
    return Invalid(place, f"is out of the range of {spec.datatype}, from {least} to {most}")


def _first_beyond(spec: TensorSpec, value: Any, path: str) -> str:
    """The path of the first number that the tensor cannot hold; empty if there is none."""
    if isinstance(value, list):
        places = (_first_beyond(spec, item, f"{path}[{index}]") for index, item in enumerate(value))
        return next(filter(None, places), "")
    try:
        _array(spec, value)
    except UNHELD:
        return path
    return ""


def _sizes(value: Any) -> tuple[int, ...] | None:
    """The sizes of nested lists; None if inner lists differ in theirs."""
    if not isinstance(value, list):
        return ()
    inner = {_sizes(item) for item in value[:1] + [item for item in value[1:] if isinstance(item, list)]}
    if not inner:
        return (0,)
    if len(inner) > 1 or None in inner:
        return None
    return (len(value), *(inner.pop() or ()))
