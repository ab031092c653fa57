"""The batcher under whatever happens in whatever order: random requests, callers, failures, hangs and time."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from serving.kernel.app_values import Batching
from serving.kernel.errors import BackendFailed, DeadlineExceeded, NotReady, Overloaded, Unavailable
from serving.models.batching import batcher
from serving.models.batching.batcher import Batcher
from tests.serving.models.numbers import Ask, Numbers, Seen, call
from tests.serving.models.virtual_time import VirtualLoop, turns

GRACE = 0.005
"""Seconds after its deadline within which a request is answered."""
kind = Numbers()


@dataclass(eq=False)
class Sent:
    """One request, and what may rightly become of it."""

    ask: Ask
    answer: Future[Any]
    deadline: float
    halfway: float
    """From then on it may be found that it will be late."""
    bad: bool
    refused_when_closed: bool
    cancelled: bool = False
    errors: set[type[BaseException]] = field(default_factory=set)


class Flight:
    """One batch that was handed over and not yet answered."""

    def __init__(self, payloads: Sequence[Ask], future: Future[Any]) -> None:
        self.payloads = payloads
        self.future = future


class BatcherMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.problems: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.problems.append(context))
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(batcher, "monotonic", self.loop.time)
        self.sent: list[Sent] = []
        self.by_number: dict[int, Sent] = {}
        self.flights: list[Flight] = []
        self.largest = 0
        self.releases = 0
        self.closed: asyncio.Task[None] | None = None
        self.mood = "well"
        self.seen = Seen()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    @initialize(
        max_rows=st.integers(1, 6),
        bound=st.integers(1, 12),
        wait=st.sampled_from([0.0, 0.0, 50.0]),
        concurrency=st.integers(1, 3),
        inline=st.booleans(),
        hangs=st.booleans(),
    )
    def open(self, max_rows: int, bound: int, wait: float, concurrency: int, inline: bool, hangs: bool) -> None:
        self.max_rows, self.bound, self.inline, self.hangs = max_rows, bound, inline, hangs
        self.concurrency = 1 if inline else concurrency
        batching = Batching(max_rows=max_rows, max_queue_rows=bound, max_wait_ms=wait)
        self.batcher = Batcher(
            self.execute, batching, self.seen, concurrency=self.concurrency, release=self.count_release
        )

    def count_release(self) -> None:
        self.releases += 1

    def execute(self, given: object, payloads: Sequence[Ask], deadline: float) -> list[Any] | Awaitable[list[Any]]:
        assert given is kind
        try:
            self.check_batch(payloads, deadline)
        except AssertionError as problem:
            # Raised here it would be one more model that fails.
            self.problems.append({"problem": problem})
        if self.inline:
            return self.answers(payloads, self.mood)
        self.flights.append(Flight(payloads, self.loop.create_future()))
        return self.flights[-1].future

    def check_batch(self, payloads: Sequence[Ask], deadline: float) -> None:
        assert len(self.flights) < self.concurrency
        numbers = [number for ask in payloads for number in ask.numbers]
        assert 0 < len(numbers) <= self.max_rows
        assert len({ask.batch_key for ask in payloads}) == 1
        flying = [number for flight in self.flights for ask in flight.payloads for number in ask.numbers]
        assert not set(numbers) & set(flying)
        owners = [self.by_number[number] for number in numbers]
        assert not [owner for owner in owners if owner.answer.done() or owner.deadline <= self.loop.time()]
        assert deadline == max(owner.deadline for owner in owners)

    def answers(self, payloads: Sequence[Ask], mood: str) -> list[Any]:
        owners = [self.by_number[ask.numbers[0]] for ask in payloads]
        if mood == "unavailable":
            self.expect(owners, Unavailable)
            raise Unavailable("gone")
        if mood == "cancelled":
            self.expect(owners, Unavailable)
            raise asyncio.CancelledError
        if mood == "short":
            self.expect(owners, BackendFailed)
            return [None] * (len(payloads) - 1)
        if mood == "raises" or any(owner.bad for owner in owners):
            if len(owners) == 1:
                self.expect(owners, BackendFailed)
            raise ValueError("bad")
        return [[2 * number for number in ask.numbers] for ask in payloads]

    def expect(self, owners: Sequence[Sent], error: type[BaseException]) -> None:
        for owner in owners:
            owner.errors.add(error)

    @rule(
        size=st.integers(1, 14),
        key=st.sampled_from("ab"),
        client=st.sampled_from(["", "x", "y"]),
        urgency=st.sampled_from([0, 3, 3, 7]),
        seconds=st.sampled_from([-1.0, 0.2, 1.0, 30.0]),
        bad=st.sampled_from([False, False, False, True]),
        count=st.integers(1, 8),
        pause=st.booleans(),
    )
    def submit(
        self, size: int, key: str, client: str, urgency: int, seconds: float, bad: bool, count: int, pause: bool
    ) -> None:
        deadline = self.loop.time() + seconds

        async def send() -> None:
            for _ in range(count):
                numbers = list(range(len(self.by_number), len(self.by_number) + size))
                ask = Ask(numbers, key)
                answer = self.batcher.submit(kind, ask, call(deadline, client, urgency))
                halfway = (self.loop.time() + deadline) / 2
                sent = Sent(ask, answer, deadline, halfway, bad, self.closed is not None)
                self.sent.append(sent)
                self.by_number.update(dict.fromkeys(numbers, sent))
                self.largest = max(self.largest, size)
                assert self.batcher.queued_rows <= max(self.bound, self.largest)
            if pause:
                await turns()

        self.run(send())

    @rule(which=st.integers(0, 1000))
    @precondition(lambda self: self.sent)
    def cancel(self, which: int) -> None:
        sent = self.sent[which % len(self.sent)]
        sent.cancelled = sent.answer.cancel() or sent.cancelled

    @rule(mood=st.sampled_from(["well", "well", "raises", "unavailable", "cancelled", "short"]))
    @precondition(lambda self: self.inline)
    def change_mood(self, mood: str) -> None:
        self.mood = mood

    @rule(
        which=st.integers(0, 1000),
        mood=st.sampled_from(["well", "well", "well", "raises", "unavailable", "cancelled", "short"]),
    )
    @precondition(lambda self: self.flights)
    def land(self, which: int, mood: str) -> None:
        self.end(self.flights.pop(which % len(self.flights)), mood)

    def end(self, flight: Flight, mood: str) -> None:
        if flight.future.done():
            # The batcher gave it up when it was closed.
            assert self.releases
            return
        try:
            flight.future.set_result(self.answers(flight.payloads, mood))
        except asyncio.CancelledError:
            flight.future.cancel()
        except (Unavailable, ValueError) as error:
            flight.future.set_exception(error)

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.1, 0.5, 2.0]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule()
    @precondition(lambda self: len(self.by_number) > 60)
    def close(self) -> None:
        self.closed = self.closed or self.loop.create_task(self.batcher.close())

    @invariant()
    def nothing_is_left_behind(self) -> None:
        self.run(turns(2))
        assert self.problems == []
        late = [sent for sent in self.sent if not sent.answer.done() and sent.deadline + GRACE < self.loop.time()]
        assert late == []
        for sent in self.sent:
            if sent.answer.done():
                self.check(sent)
        self.sent = [sent for sent in self.sent if not sent.answer.done()]

    def check(self, sent: Sent) -> None:
        """A request has its own rows, or an error that it may have."""
        if sent.answer.cancelled():
            assert sent.cancelled
            return
        error = sent.answer.exception()
        if error is None:
            assert sent.answer.result() == [2 * number for number in sent.ask.numbers]
            assert not sent.bad
        elif isinstance(error, DeadlineExceeded):
            assert sent.halfway <= self.loop.time()
        elif isinstance(error, Overloaded):
            assert self.seen.rejections["overload"]
        elif isinstance(error, NotReady):
            assert sent.refused_when_closed
        else:
            assert type(error) in sent.errors

    def teardown(self) -> None:
        """Everybody is answered, whether what still runs ends or hangs, and all is released once."""
        if hasattr(self, "batcher"):
            self.mood = "well"
            self.run(self.finish())
            self.nothing_is_left_behind()
            assert all(sent.answer.done() for sent in self.sent)
            assert self.batcher.queued_rows == 0
            assert self.releases == 1
        self.patch.undo()
        self.loop.close()

    async def finish(self) -> None:
        closing = asyncio.create_task(self.batcher.close())
        patience = self.loop.time() + 40.0
        while not closing.done():
            assert self.loop.time() < patience, "it does not close"
            if self.flights and not self.hangs:
                self.end(self.flights.pop(), "well")
            await asyncio.sleep(0.01)
        await closing


TestBatcher = BatcherMachine.TestCase
TestBatcher.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
