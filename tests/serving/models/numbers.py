"""A `BatchKind` of plain numbers, and a model for it that can be made to fail, for tests of the batcher."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import Counter
from collections.abc import Awaitable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple

from serving.kernel.call import Call
from serving.kernel.errors import BackendFailed, Invalid, RowsRejected
from serving.kernel.tensors import Arrays


class Ask(NamedTuple):
    """A request: its batch key and its rows, which are numbers. The answer is twice each of them."""

    numbers: list[int]
    batch_key: str = ""


class Numbers:
    """`BatchKind` whose payload is an `Ask`; blames the request that an `Invalid` names by a number."""

    def rows(self, payload: Ask) -> int:
        if None in payload.numbers:
            raise BackendFailed("rows disagree")
        return len(payload.numbers)

    def batch_key(self, payload: Ask) -> Hashable:
        return payload.batch_key

    def join(self, payloads: Sequence[Any]) -> Arrays:
        raise NotImplementedError

    def split(self, payloads: Sequence[Any], outputs: Arrays) -> list[Any]:
        raise NotImplementedError

    def cut(self, payload: Ask, rows: int) -> list[Ask]:
        numbers = payload.numbers
        return [Ask(numbers[start : start + rows], payload.batch_key) for start in range(0, len(numbers), rows)]

    def merge(self, results: Sequence[list[int]]) -> list[int]:
        merged = [number for result in results for number in result]
        if merged and merged[0] == UNMERGEABLE * 2:
            raise BackendFailed("parts do not fit")
        return merged

    def blame(self, error: Exception, payloads: Sequence[Ask]) -> tuple[int, Exception] | None:
        if not isinstance(error, Invalid):
            return None
        for index, payload in enumerate(payloads):
            if int(error.field) in payload.numbers:
                return index, Invalid(f"[{payload.numbers.index(int(error.field))}]", error.reason)
        return None

    def refused(self, error: RowsRejected, payload: Ask) -> Invalid | None:
        return Invalid(str(payload.numbers), error.reason) if payload.batch_key != COMPUTED else None


COMPUTED = "computed"
"""The batch key of numbers that are not the caller's own."""
UNMERGEABLE = 10**9


class Model:
    """Doubles numbers and raises on those that are bad. Remembers its batches."""

    def __init__(self, bad: Sequence[int] = (), error: BaseException | None = None) -> None:
        self.batches: list[list[Ask]] = []
        self.bad = set(bad)
        self.error = error

    @property
    def runs(self) -> list[list[int]]:
        """The numbers of each batch."""
        return [[number for ask in batch for number in ask.numbers] for batch in self.batches]

    def __call__(self, kind: object, payloads: Sequence[Ask], deadline: float) -> list[Any] | Awaitable[list[Any]]:
        self.batches.append(list(payloads))
        return self.answers(payloads)

    def answers(self, payloads: Sequence[Ask]) -> list[Any]:
        if self.error is not None:
            raise self.error
        for ask in payloads:
            for number in self.bad.intersection(ask.numbers):
                raise ValueError(f"{number} is bad")
        return [[2 * number for number in ask.numbers] for ask in payloads]


class SlowModel(Model):
    """Answers when it is told to, or after `seconds`."""

    def __init__(self, bad: Sequence[int] = (), seconds: float | None = None) -> None:
        super().__init__(bad)
        self.seconds = seconds
        self.flights: list[Future[None]] = []
        self.most = 0

    def __call__(self, kind: object, payloads: Sequence[Ask], deadline: float) -> Awaitable[list[Any]]:
        self.batches.append(list(payloads))
        return self._later(payloads)

    async def _later(self, payloads: Sequence[Ask]) -> list[Any]:
        flight = asyncio.get_running_loop().create_future()
        self.flights.append(flight)
        self.most = max(self.most, len(self.flights))
        try:
            await asyncio.wait_for(flight, self.seconds)
        except TimeoutError:
            pass
        finally:
            self.flights.remove(flight)
        return self.answers(payloads)


ROUNDING = 1e-9
"""Seconds by which sums of times on a clock in the thousands may be off."""


class Seen:
    """A `BatchObserver` that remembers what it is told."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, float]] = []
        self.queue: list[int] = []
        self.waits: list[float] = []
        self.rejections: Counter[str] = Counter()
        self.ended = 0

    def batch(self, rows: int, seconds: float, requests: int) -> None:
        self.batches.append((rows, seconds))

    def queued(self, rows: int) -> None:
        self.queue.append(rows)

    def waited(self, oldest: float, total: float, requests: int) -> None:
        self.waits.append(oldest)
        assert requests * oldest + ROUNDING >= total >= oldest - ROUNDING

    def rejected(self, reason: str) -> None:
        self.rejections[reason] += 1

    def closed(self) -> None:
        self.ended += 1


def call(deadline: float = 1e9, client: str = "", urgency: int = 3) -> Call:
    return Call("test", deadline, client=client, urgency=urgency)


def each(numbers: Sequence[int]) -> Iterator[Ask]:
    """One request for each number."""
    for number in numbers:
        yield Ask([number])
