"""One request in the batcher, from the queue to its answer."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from serving.kernel.backend import BatchKind
from serving.kernel.errors import BackendFailed, DeadlineExceeded, RowsRejected, SlipwayError, Unavailable

__all__ = [
    "Answer",
    "Batch",
    "PartAnswer",
    "QueuedRequest",
    "deadline_exceeded",
    "fail_alone",
    "fail_late",
    "parts_of",
]


def deadline_exceeded() -> DeadlineExceeded:
    """The error of a request whose deadline passes in the batcher."""
    return DeadlineExceeded("the answer could not be ready before the deadline")


class Answer(Protocol):
    """What receives a result: the future of a request, or of one part of a larger request."""

    def done(self) -> bool:
        """Whether nobody waits for the result any more."""
        ...

    def set_result(self, result: Any, /) -> None:
        """Give the result."""
        ...

    def set_exception(self, error: BaseException, /) -> None:
        """Give the error."""
        ...


class QueuedRequest(msgspec.Struct, eq=False):
    """One request, or one part of it that fits a batch. Times are `time.monotonic()` seconds."""

    answer: Answer
    payload: Any
    rows: int
    deadline: float
    arrived: float

    def fail(self, error: BaseException) -> None:
        """Answer with `error`; any error but a `SlipwayError` becomes the cause of `BackendFailed`."""
        if self.answer.done():
            return
        known: SlipwayError
        if isinstance(error, SlipwayError):
            known = error
        elif isinstance(error, CancelledError):
            known = Unavailable("the run of the model was stopped; send the request again")
            known.__cause__ = error
        else:
            known = BackendFailed("the model could not be run on these inputs")
            known.__cause__ = error
        self.answer.set_exception(known)


def fail_late(requests: Sequence[QueuedRequest], now: float) -> list[QueuedRequest]:
    """Answer the requests whose deadline has passed with `DeadlineExceeded`; returns those still waited for."""
    for request in requests:
        if request.deadline <= now:
            request.fail(deadline_exceeded())
    return [request for request in requests if not request.answer.done()]


class Batch(NamedTuple):
    """Requests of one kind and batch key, at most `max_rows` rows together."""

    kind: BatchKind
    requests: list[QueuedRequest]


class PartAnswer:
    """The `Answer` of one part of a larger request.

    An error of one part ends the whole request and so all its parts; the last result completes the request.
    """

    __slots__ = ("_answer", "_index", "_kind", "_results", "_total")

    def __init__(self, kind: BatchKind, answer: Answer, results: dict[int, Any], index: int, total: int) -> None:
        """`results`, by index, are shared by the `total` parts of one request."""
        self._kind = kind
        self._answer = answer
        self._results = results
        self._index = index
        self._total = total

    def done(self) -> bool:
        """See `Answer`."""
        return self._answer.done()

    def set_result(self, result: Any, /) -> None:
        """See `Answer`."""
        self._results[self._index] = result
        if len(self._results) < self._total:
            return
        try:
            merged = self._kind.merge([self._results[index] for index in range(self._total)])
        except SlipwayError as error:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(merged)

    def set_exception(self, error: BaseException, /) -> None:
        """See `Answer`."""
        self._answer.set_exception(error)


def parts_of(kind: BatchKind, whole: QueuedRequest, rows: int) -> list[QueuedRequest]:
    """The parts of at most `rows` rows of a request, which they answer together."""
    payloads = kind.cut(whole.payload, rows)
    results: dict[int, Any] = {}
    return [
        QueuedRequest(
            PartAnswer(kind, whole.answer, results, index, len(payloads)),
            payload,
            kind.rows(payload),
            whole.deadline,
            whole.arrived,
        )
        for index, payload in enumerate(payloads)
    ]


def fail_alone(kind: BatchKind, request: QueuedRequest, error: BaseException) -> list[list[QueuedRequest]]:
    """Answer a request that failed alone; if the model refuses values of one of its rows, give its halves instead.

    The answer of one half drops the other, so this takes at most two runs for each halving.
    """
    refused = kind.refused(error, request.payload) if isinstance(error, RowsRejected) else None
    if refused is not None and request.rows > 1:
        return [[half] for half in parts_of(kind, request, -(-request.rows // 2))]
    request.fail(refused or error)
    return []
