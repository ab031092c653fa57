"""Dynamic batching across requests: the only way to run a model.

A batch starts as soon as the worker is idle and the next one fills while it runs, so an idle server adds no wait
(`batching.max_wait_ms` adds one, for accelerators). What the batcher promises, whatever is mixed:

- every caller gets exactly its own rows, in order;
- a batch has at most `max_rows` rows, all of one lane; a larger request is cut and succeeds or fails as a whole;
- a batch that raises is run again without the request that is to blame, in halves where nobody is named, so only
  requests that cannot be run fail; an error that is not about the rows (`Unavailable`) fails the batch at once;
- a request past its deadline gets `DeadlineExceeded` then, also while its batch runs, and does not start after it;
- when more waits than fits a batch, a request that could not be done in time is refused as it comes, and does not
  start where that shows later;
- a request whose future is cancelled does not start;
- what waits is bounded, fair between clients, most urgent first and nothing for ever: see `waiting`.

All methods belong to one event loop. With an `execute` that returns its results at once, everything submitted in
one turn of the loop shares batches, and the loop gets a turn between two of them.
"""

from __future__ import annotations

import asyncio
import math
from asyncio import CancelledError, Future
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from time import monotonic
from typing import Any, Protocol

from serving.kernel.app_values import Batching
from serving.kernel.backend import Work
from serving.kernel.call import Call
from serving.kernel.errors import BackendFailed, DeadlineExceeded, NotReady, Overloaded, SlipwayError, Unavailable
from serving.models.batching.fair_queue import Waiting
from serving.models.batching.queued_request import Batch, Item, Part, late
from serving.models.batching.run_times import Pace

__all__ = ["BatchObserver", "Batcher", "Execute"]

Execute = Callable[[Work, Sequence[Any], float], list[Any] | Awaitable[list[Any]]]
"""Runs the payloads of one batch, whose latest deadline it is told: one result for each, at once or later."""

LEAD = 2.0
"""Time a request should have left under overload, in slow runs: one that is somewhat longer must not make all its
requests late, and what is rejected instead could not have been done by anybody."""

Release = Callable[[], Awaitable[None] | None]


class BatchObserver(Protocol):
    """Told about batches; must be cheap and must not raise."""

    def batch(self, rows: int, seconds: float) -> None:
        """A batch of `rows` rows ran for `seconds`, whatever came of it."""

    def queued(self, rows: int) -> None:
        """So many rows wait now. Told when a batch starts, and as requests come while none can start."""

    def waited(self, seconds: float) -> None:
        """The oldest request of a batch that starts now has waited for so long."""

    def rejected(self, reason: str) -> None:
        """A request was dropped before it ran: `overload` or `deadline`."""


class Quiet:
    """An observer that does nothing."""

    def batch(self, rows: int, seconds: float) -> None:
        """Ignore."""

    def queued(self, rows: int) -> None:
        """Ignore."""

    def waited(self, seconds: float) -> None:
        """Ignore."""

    def rejected(self, reason: str) -> None:
        """Ignore."""


class Batcher:
    """Collects the requests of one model version into batches. Satisfies `Backend`."""

    def __init__(
        self,
        execute: Execute,
        batching: Batching,
        observer: BatchObserver | None = None,
        *,
        concurrency: int = 1,
        release: Release | None = None,
    ) -> None:
        """At most `concurrency` awaited batches run at a time; `release` is called once, when all is finished."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._execute = execute
        self._observer = observer or Quiet()
        self._concurrency = concurrency
        self._release = release
        self._max_rows = batching.max_rows
        self._max_queue_rows = batching.max_queue_rows
        self._max_wait = batching.max_wait_ms / 1e3
        self._waiting = Waiting(batching.max_rows, batching.max_queue_rows, self._reject)
        self._again: deque[Batch] = deque()
        self._flights: dict[Future[Any], tuple[Batch, float]] = {}
        self._pace = Pace()
        self._swept = -math.inf
        self._scheduled = False
        self._patience: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf
        self._closing: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()

    @property
    def queued_rows(self) -> int:
        """Rows waiting, not yet running."""
        return self._waiting.rows

    def submit(self, work: Work, payload: Any, call: Call) -> Future[Any]:
        """See `Backend.submit`."""
        loop = self._loop
        if loop is None or not loop.is_running():
            # A system call (getpid), which would be a tenth of a small request's cost.
            loop = self._loop = asyncio.get_running_loop()
        answer = loop.create_future()
        now = monotonic()
        try:
            # A request without rows takes the room of one.
            rows = work.rows(payload) or 1
            lane = work.lane(payload)
        except SlipwayError as error:
            answer.set_exception(error)
            return answer
        refusal = self._refusal(work, lane, rows, call, now)
        if refusal is not None:
            answer.set_exception(refusal)
            return answer
        if rows <= self._max_rows:
            item = Item(answer, payload, rows, call.deadline, now)
            self._waiting.push(work, lane, item, call.client, call.urgency)
        else:
            self._push_parts(work, lane, Item(answer, payload, rows, call.deadline, now), call)
        if call.deadline < self._alarm_at:
            self._set_alarm(call.deadline, loop)
        if len(self._flights) >= self._concurrency:
            self._observer.queued(self._waiting.rows)
        elif not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._turn)
        return answer

    async def close(self) -> None:
        """See `Backend.close`. A run that outlasts the deadlines of all its requests is given up."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._wind_down())
        await asyncio.shield(self._closing)

    async def _wind_down(self) -> None:
        if self._patience is not None:
            self._turn()
        while self._wanted():
            self._idle.clear()
            await self._idle.wait()
        for flight in list(self._flights):
            flight.cancel()
        for timer in (self._alarm, self._patience):
            if timer is not None:
                timer.cancel()
        released = self._release() if self._release is not None else None
        if released is not None:
            await released

    def _wanted(self) -> bool:
        """Whether a request still waits for its answer, as far as is known."""
        started = [item for batch in self._started() for item in batch.items]
        return self._waiting.rows > 0 or not all(item.answer.done() for item in started)

    def _started(self) -> list[Batch]:
        """Batches that run now or run again soon."""
        return [*self._again, *(batch for batch, _ in self._flights.values())]

    def _push_parts(self, work: Work, lane: Hashable, whole: Item, call: Call) -> None:
        parts = work.cut(whole.payload, self._max_rows)
        results: dict[int, Any] = {}
        for index, payload in enumerate(parts):
            answer = Part(work, whole.answer, results, index, len(parts))
            item = Item(answer, payload, work.rows(payload), whole.deadline, whole.arrived)
            self._waiting.push(work, lane, item, call.client, call.urgency)

    def _refusal(self, work: Work, lane: Hashable, rows: int, call: Call, now: float) -> SlipwayError | None:
        if self._closing is not None:
            return NotReady("this version is being unloaded; send the request again")
        if call.deadline <= now:
            self._observer.rejected("deadline")
            return DeadlineExceeded("the deadline passed before the request was queued")
        waiting = self._waiting
        if waiting.rows > self._max_rows:
            hopeless = self._hopeless(work, lane, rows, call, now)
            if hopeless is not None:
                self._observer.rejected("overload")
                return hopeless
        if waiting.rows + rows > self._max_queue_rows and not waiting.admits(rows, call.client, now):
            self._observer.rejected("overload")
            return self._overloaded()
        return None

    def _hopeless(self, work: Work, lane: Hashable, rows: int, call: Call, now: float) -> Overloaded | None:
        """The refusal of a request that would not start in time behind what waits."""
        lead = self._lead()
        if not lead:
            return None
        waiting = self._waiting
        left = call.deadline - now
        time_to_start = left - min(lead, left / 2)
        each = self._pace.usual() / self._concurrency / self._max_rows
        if (waiting.rows + rows) * each < time_to_start:
            return None
        if now - self._swept > each * self._max_rows:
            # Who has gone or is late is not in the way.
            self._swept = now
            waiting.sweep(now)
        ahead = waiting.ahead(work, lane, call.client, call.urgency)
        # Half of a run for what runs already, less half of one for the rows of its own batch.
        wait = (ahead + rows) * each
        if wait < time_to_start:
            return None
        return Overloaded(
            f"{ahead} rows go before this request and take about {wait:.2g} s; its deadline is in {left:.2g} s",
            retry_after=math.ceil(wait - time_to_start) or 1,
        )

    def _overloaded(self) -> Overloaded:
        return Overloaded(f"{self._waiting.rows} rows wait already (limit {self._max_queue_rows})")

    def _reject(self, item: Item, reason: str) -> None:
        """Answer a request that will not run."""
        self._observer.rejected(reason)
        item.fail(late() if reason == "deadline" else self._overloaded())

    def _turn(self) -> None:
        """Start the next batch, if one may start."""
        self._scheduled = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if len(self._flights) < self._concurrency and (self._again or self._waiting.rows):
            now = monotonic()
            loop = asyncio.get_running_loop()
            wait = self._wait(now) if self._max_wait else 0.0
            if wait > 0:
                self._patience = loop.call_later(wait, self._turn)
                return
            self._start(self._next(now), now)
            if len(self._flights) < self._concurrency and (self._again or self._waiting.rows):
                self._scheduled = True
                loop.call_soon(self._turn)
        if self._closing is not None:
            self._idle.set()

    def _wait(self, now: float) -> float:
        """Seconds that the next batch may still fill."""
        if self._again or self._closing is not None or self._waiting.full():
            return 0.0
        return self._waiting.oldest() + self._max_wait - now

    def _next(self, now: float) -> Batch:
        """Requests that somebody waits for and whose deadline has not passed; there may be none."""
        if self._again:
            work, items = self._again.popleft()
            return Batch(work, [item for item in items if item.runs(now)])
        batch = self._waiting.take(now, self._lead())
        if batch.items:
            self._observer.waited(now - min([item.arrived for item in batch.items]))
        return batch

    def _lead(self) -> float:
        """Seconds a request should have left to be in time; 0 while no more than a batch waits.

        Without it an overloaded queue, whose head is always about to be late, would fill its batches with requests
        that are late when they are done.
        """
        if self._waiting.rows <= self._max_rows or not self._pace.known():
            return 0.0
        return LEAD * self._pace.slow()

    def _start(self, batch: Batch, now: float) -> None:
        work, items = batch
        if not items:
            return
        self._observer.queued(self._waiting.rows)
        payloads = [item.payload for item in items]
        try:
            results = self._execute(work, payloads, max([item.deadline for item in items]))
            if not isinstance(results, list):
                flight = asyncio.ensure_future(results)
                self._flights[flight] = batch, now
                flight.add_done_callback(self._landed)
                return
        except (Exception, CancelledError) as error:  # noqa: BLE001 - becomes the error of the request it is about
            self._report(batch, now)
            self._failed(batch, error)
            return
        self._report(batch, now)
        self._deliver(batch, results)

    def _landed(self, flight: Future[Any]) -> None:
        batch, started = self._flights.pop(flight)
        self._report(batch, started)
        error = CancelledError() if flight.cancelled() else flight.exception()
        if error is not None:
            self._failed(batch, error)
        else:
            self._deliver(batch, flight.result())
        self._turn()

    def _report(self, batch: Batch, started: float) -> None:
        seconds = monotonic() - started
        self._pace.add(seconds)
        self._observer.batch(sum([item.rows for item in batch.items]), seconds)

    def _deliver(self, batch: Batch, results: Any) -> None:
        if not isinstance(results, list) or len(results) != len(batch.items):
            error = BackendFailed(f"the model did not give one result for each of {len(batch.items)} requests")
            for item in batch.items:
                item.fail(error)
            return
        for item, result in zip(batch.items, results, strict=True):
            if not item.answer.done():
                item.answer.set_result(result)

    def _failed(self, batch: Batch, error: BaseException) -> None:
        """Fail the requests that `error` is about and put the others back, to run before all that waits."""
        work, items = batch
        if isinstance(error, (CancelledError, DeadlineExceeded, Unavailable)):
            for item in items:
                item.fail(error)
            return
        named = work.blame(error, [item.payload for item in items]) if isinstance(error, Exception) else None
        if named is not None:
            index, own = named
            items[index].fail(own)
            # Not in one piece: what stands before it may have been found right, and would be looked at each time.
            halves = [items[:index], items[index + 1 :]]
        elif len(items) == 1:
            items[0].fail(error)
            return
        else:
            halves = [items[: len(items) // 2], items[len(items) // 2 :]]
        self._again.extendleft(Batch(work, half) for half in reversed(halves) if half)

    def _set_alarm(self, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        """One timer serves all deadlines; it looks at everything, so it rests between two rings."""
        due = max(deadline, self._waiting.rested)
        if due < self._alarm_at:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_at = due
            self._alarm = loop.call_later(due - monotonic(), self._ring)

    def _ring(self) -> None:
        """Answer what is late, and set the alarm for the earliest deadline that is left."""
        self._alarm_at = math.inf
        now = monotonic()
        earliest = self._waiting.sweep(now)
        for batch in self._started():
            for item in batch.items:
                if item.runs(now):
                    earliest = min(earliest, item.deadline)
        self._observer.queued(self._waiting.rows)
        if earliest < math.inf:
            self._set_alarm(earliest, asyncio.get_running_loop())
        if self._closing is not None:
            self._idle.set()
