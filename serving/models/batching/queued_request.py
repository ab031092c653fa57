"""One request in the batcher, from the queue to its answer."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any, NamedTuple, Protocol

import msgspec

from serving.kernel.backend import Work
from serving.kernel.errors import BackendFailed, DeadlineExceeded, SlipwayError, Unavailable

__all__ = ["Answer", "Batch", "Item", "Part", "late"]


def late() -> DeadlineExceeded:
    """What a request gets whose deadline passes in the batcher."""
    return DeadlineExceeded("the answer could not be ready before the deadline")


class Answer(Protocol):
    """Where a result goes: the future of a request, or the place of one part among those of a larger request."""

    def done(self) -> bool:
        """Whether nobody waits for it any more."""
        ...

    def set_result(self, result: Any, /) -> None:
        """Give the result."""
        ...

    def set_exception(self, error: BaseException, /) -> None:
        """Give the error."""
        ...


class Item(msgspec.Struct, eq=False):
    """One request, or one part of it that fits a batch. Times are `time.monotonic()` seconds."""

    answer: Answer
    payload: Any
    rows: int
    deadline: float
    arrived: float

    def runs(self, now: float) -> bool:
        """Whether somebody waits for it; where its deadline has passed, it is answered so."""
        if self.deadline <= now:
            self.fail(late())
        return not self.answer.done()

    def fail(self, error: BaseException) -> None:
        """Answer with `error`, as `BackendFailed` where it has no place in an answer."""
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


class Batch(NamedTuple):
    """Requests of one lane, at most `max_rows` rows together."""

    work: Work
    items: list[Item]


class Part:
    """The place of one part's result. What ends the request ends all its parts; the last result completes it."""

    __slots__ = ("_answer", "_index", "_results", "_total", "_work")

    def __init__(self, work: Work, answer: Answer, results: dict[int, Any], index: int, total: int) -> None:
        """`results`, by index, are shared by the `total` parts of one request."""
        self._work = work
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
            merged = self._work.merge([self._results[index] for index in range(self._total)])
        except SlipwayError as error:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(merged)

    def set_exception(self, error: BaseException, /) -> None:
        """See `Answer`."""
        self._answer.set_exception(error)
