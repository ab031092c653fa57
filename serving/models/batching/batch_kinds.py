"""The two kinds of batches: of tensors, for the v2 doors, and of an app's typed questions.

A batch of one request is passed on without a copy, and every request gets views of the batch's outputs.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.kernel.app import App
from serving.kernel.errors import BackendFailed, Invalid, RowsRejected
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["QuestionBatches", "TensorBatches", "rows_of"]


def rows_of(arrays: Arrays) -> int:
    """The number of rows that all arrays have. Raises `BackendFailed` if they disagree."""
    try:
        counts = {len(array) for array in arrays.values()}
    except TypeError as cause:
        raise BackendFailed("an array has no row axis") from cause
    if len(counts) != 1:
        raise BackendFailed(f"arrays have different numbers of rows: {sorted(counts)}")
    return counts.pop()


class TensorBatches:
    """`BatchKind` of model inputs and outputs: payload and result are `Arrays`.

    Without `buckets` only requests with equal shapes and types share a batch. With `buckets`, an axis of size -1
    other than the row axis is a length, and requests whose lengths fall into the same bucket share a batch. They
    are padded with zeros (empty text for BYTES) to the longest of them, and an output axis of size -1 that is as
    long as the padded inputs is cut back to each request's own length. A request that is longer than the last
    bucket, or has free axes of different sizes, shares a batch only with requests of exactly its shapes.
    """

    runs_app_code = False

    def __init__(
        self,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        buckets: tuple[int, ...] = (),
        model: str = "",
        column_of: Callable[[str], tuple[str, str] | None] = lambda _: None,
    ) -> None:
        """`buckets` are the upper bounds of the lengths, ascending.

        `model` is the name for errors about tensors that callers sent; empty where an app may have made them.
        `column_of` knows the column and the input that a node of the graph reads, see `App.column_of`.
        """
        self._model = model
        self._column_of = column_of
        self._buckets = buckets
        self._lengths = _free_axes(inputs) if buckets else {}
        self._free = bool(_free_axes(outputs))
        self._cuts = _free_axes(outputs) if self._lengths else {}

    def rows(self, payload: Arrays) -> int:
        """See `BatchKind.rows`."""
        return rows_of(payload)

    def batch_key(self, payload: Arrays) -> Hashable:
        """Names, types and shapes, with the bucket instead of a length."""
        length = self._length(payload) if self._lengths else None
        if length is None or length > self._buckets[-1]:
            return tuple([(name, array.dtype, array.shape[1:]) for name, array in payload.items()])
        bucket = self._buckets[bisect_left(self._buckets, length)]
        return bucket, *[
            (name, array.dtype, _masked(array.shape, self._lengths.get(name, ())))
            for name, array in payload.items()
        ]

    def join(self, payloads: Sequence[Arrays]) -> Arrays:
        """See `BatchKind.join`."""
        if len(payloads) == 1:
            return payloads[0]
        return {
            name: _joined([payload[name] for payload in payloads], name in self._lengths) for name in payloads[0]
        }

    def split(self, payloads: Sequence[Arrays], outputs: Arrays) -> list[Arrays]:
        """See `BatchKind.split`."""
        counts = [len(next(iter(payload.values()))) for payload in payloads]
        _check_rows(outputs, sum(counts))
        if len(payloads) == 1:
            return [outputs]
        results, start = [], 0
        for count in counts:
            stop = start + count
            results.append({name: array[start:stop] for name, array in outputs.items()})
            start = stop
        if self._cuts:
            self._shorten(payloads, results)
        return results

    def cut(self, payload: Arrays, rows: int) -> list[Arrays]:
        """See `BatchKind.cut`."""
        starts, first = range(0, rows_of(payload), rows), _first(payload)
        return [
            _CutArrays({name: array[start : start + rows] for name, array in payload.items()}, first + start)
            for start in starts
        ]

    def merge(self, results: Sequence[Arrays]) -> Arrays:
        """See `BatchKind.merge`. Raises `Invalid` for rows whose outputs have sizes of their own."""
        try:
            return {name: np.concatenate([result[name] for result in results]) for name in results[0]}
        except ValueError as cause:
            if self._free:
                raise Invalid(
                    "$.inputs",
                    "the outputs of these rows differ in size and are no tensor; send one row in a request",
                ) from cause
            raise BackendFailed("the model returned different shapes for parts of one request") from cause

    def shifted(self, error: Exception, rows: int) -> Exception:
        """The same: the engine's errors do not name a row."""
        return error

    def blame(self, error: Exception, payloads: Sequence[Arrays]) -> None:
        """Always unknown: the engine's errors do not name a row."""

    def refused(self, error: RowsRejected, payload: Arrays) -> Invalid | None:
        """See `BatchKind.refused`. Names the row if the request has others, and the input if the graph says it."""
        if not self._model:
            return None
        where = [f"row {payload.first}"] if isinstance(payload, _CutArrays) else []
        if (found := self._column_of(error.node)) is not None:
            column, tensor = found
            where.append(f"input {tensor}" if column == tensor else f"column {column} of {tensor}")
        prefix = f"{', '.join(where)}: " if where else ""
        return Invalid("$.inputs", prefix + _refusal(self._model, error))

    def _length(self, payload: Arrays) -> int | None:
        """The size that all free axes have; None if they differ or there is none."""
        try:
            sizes = {payload[name].shape[axis] for name, axes in self._lengths.items() for axis in axes}
        except (IndexError, KeyError):
            return None
        return sizes.pop() if len(sizes) == 1 else None

    def _shorten(self, payloads: Sequence[Arrays], results: list[Arrays]) -> None:
        """Cut each padded result back to its request's own length."""
        lengths = [self._length(payload) or 0 for payload in payloads]
        longest = max(lengths)
        for length, result in zip(lengths, results, strict=True):
            if length == longest:
                continue
            for name in self._cuts.keys() & result.keys():
                array = result[name]
                whole = [slice(None)] * array.ndim
                for axis in self._cuts[name]:
                    if axis < array.ndim and array.shape[axis] == longest:
                        whole[axis] = slice(length)
                result[name] = array[tuple(whole)]


class QuestionBatches:
    """`BatchKind` of an app's typed questions: the result is their answers.

    `features` and `decide` of the app are called once per batch.
    """

    runs_app_code = True

    def __init__(self, app: App[Any, Any, Any], context: Any) -> None:
        self._app = app
        self._context = context

    def rows(self, payload: Sequence[Any]) -> int:
        """See `BatchKind.rows`."""
        return len(payload)

    def batch_key(self, payload: Sequence[Any]) -> Hashable:
        """All questions of an app may share a batch, unless the app says which."""
        return self._app.batch_key(payload) if self._app.batch_key is not None else None

    def join(self, payloads: Sequence[Sequence[Any]]) -> Arrays:
        """The features of all questions. Raises `Invalid`; its field starts with the index in the batch."""
        return self._app.features(_flat(payloads), self._context)

    def split(self, payloads: Sequence[Sequence[Any]], outputs: Arrays) -> list[list[Any]]:
        """See `BatchKind.split`."""
        questions = _flat(payloads)
        _check_rows(outputs, len(questions))
        answers = self._app.decide(questions, outputs, self._context)
        if len(answers) != len(questions):
            raise BackendFailed(f"the app gave {len(answers)} answers for {len(questions)} questions")
        if len(payloads) == 1:
            return [answers]
        results, start = [], 0
        for payload in payloads:
            stop = start + len(payload)
            results.append(answers[start:stop])
            start = stop
        return results

    def cut(self, payload: Sequence[Any], rows: int) -> list[Sequence[Any]]:
        """See `BatchKind.cut`."""
        first = _first(payload)
        return [_Cut(payload[start : start + rows], first + start) for start in range(0, len(payload), rows)]

    def merge(self, results: Sequence[list[Any]]) -> list[Any]:
        """See `BatchKind.merge`."""
        return list(chain.from_iterable(results))

    def shifted(self, error: Exception, rows: int) -> Exception:
        """An `Invalid` with the index that its question has in the whole batch."""
        found = _INDEXED.fullmatch(error.field) if isinstance(error, Invalid) else None
        if not isinstance(error, Invalid) or found is None:
            return error
        return Invalid(f"[{rows + int(found[1])}]{found[2]}", error.reason)

    def blame(self, error: Exception, payloads: Sequence[Sequence[Any]]) -> tuple[int, Exception] | None:
        """For an `Invalid`: the request whose question it names, and the error with the index in that request."""
        found = _INDEXED.fullmatch(error.field) if isinstance(error, Invalid) else None
        if not isinstance(error, Invalid) or found is None:
            return None
        question = int(found[1])
        for index, payload in enumerate(payloads):
            if question < len(payload):
                return index, Invalid(f"[{_first(payload) + question}]{found[2]}", error.reason)
            question -= len(payload)
        return None

    def refused(self, error: RowsRejected, payload: Sequence[Any]) -> Invalid | None:
        """See `BatchKind.refused`. An app computes what its model reads; an added model reads what was sent."""
        if self._app.home is None:
            return None
        found = self._app.column_of(error.node)
        field = f"[{_first(payload)}]" + (f".{found[0]}" if found is not None else "")
        return Invalid(field, _refusal(self._app.name, error))


_INDEXED = re.compile(r"\[(\d+)\](.*)", re.DOTALL)


class _Cut(list[Any]):
    """Questions cut from a longer list; `first` is the index of the first one in that list."""

    __slots__ = ("first",)

    def __init__(self, questions: Iterable[Any], first: int) -> None:
        super().__init__(questions)
        self.first = first


class _CutArrays(dict[str, npt.NDArray[Any]]):
    """Rows cut from larger arrays; `first` is the index of the first one in those."""

    __slots__ = ("first",)

    def __init__(self, arrays: Arrays, first: int) -> None:
        super().__init__(arrays)
        self.first = first


def _first(payload: Sequence[Any] | Arrays) -> int:
    """The index of the payload's first row in its request."""
    return payload.first if isinstance(payload, (_Cut, _CutArrays)) else 0


def _refusal(model: str, error: RowsRejected) -> str:
    return f"the model {model} does not take these values, send others like those it was made for; {error.reason}"


def _flat(payloads: Sequence[Sequence[Any]]) -> Sequence[Any]:
    return payloads[0] if len(payloads) == 1 else list(chain.from_iterable(payloads))


def _free_axes(specs: tuple[TensorSpec, ...]) -> dict[str, tuple[int, ...]]:
    """Tensor name to its axes of size -1 other than the row axis; without the tensors that have none."""
    axes = {
        spec.name: tuple(axis for axis, size in enumerate(spec.shape) if axis and size == -1) for spec in specs
    }
    return {name: found for name, found in axes.items() if found}


def _masked(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([-1 if axis in axes else size for axis, size in enumerate(shape) if axis])


def _joined(parts: list[npt.NDArray[Any]], padded: bool) -> npt.NDArray[Any]:
    """The rows of all parts; with `padded`, shorter ones are padded with zeros."""
    if not padded or len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts)
    rows = sum(map(len, parts))
    sizes = [max(axis) for axis in zip(*(part.shape[1:] for part in parts), strict=True)]
    dtype = parts[0].dtype
    whole = np.full((rows, *sizes), "" if dtype == np.object_ else 0, dtype)
    start = 0
    for part in parts:
        stop = start + len(part)
        whole[(slice(start, stop), *map(slice, part.shape[1:]))] = part
        start = stop
    return whole


def _check_rows(outputs: Arrays, rows: int) -> None:
    """Raise `BackendFailed` unless every output has exactly `rows` rows."""
    for name, array in outputs.items():
        if not array.ndim or len(array) != rows:
            returned = len(array) if array.ndim else "no"
            raise BackendFailed(f"the model returned {returned} rows of {name} for {rows}")
