"""Dynamic batching across requests: the only way to run a model.

A batch starts as soon as the model is idle, and the next one fills while it runs, so an idle server adds no wait
(`batching.max_wait_ms` adds one, for accelerators). The batcher promises, for any mix of requests:

- Every caller gets exactly its own rows, in order.
- A batch has at most `max_rows` rows, all of one batch key. A larger request is cut into parts and succeeds or
  fails as a whole.
- A batch that raises an error runs again without the request that caused it, or in halves if that request is not
  known, so only requests that cannot be run fail. An error that is not about the rows (`Unavailable`) fails the
  whole batch at once.
- A request whose values the model refuses gets the error of one of its rows, found in halves.
- At its deadline a request gets `DeadlineExceeded`, even while its batch runs. It does not start later.
- While more rows wait than fit a batch, a request that cannot be finished in time is refused on arrival, or does
  not start if that turns out later.
- A request whose future is cancelled does not start.
- The queue is bounded, fair between clients and ordered by urgency, and no request waits for ever: see
  `fair_queue`.

All methods must be called on one event loop. If `execute` returns its results at once, all requests submitted in
one turn of the loop share batches, and the loop gets a turn between two batches.
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
from serving.kernel.backend import BatchKind
from serving.kernel.call import Call
from serving.kernel.errors import (
    BackendFailed,
    DeadlineExceeded,
    NotReady,
    Overloaded,
    SlipwayError,
    Unavailable,
)
from serving.models.batching.fair_queue import FairQueue
from serving.models.batching.queued_request import (
    Batch,
    QueuedRequest,
    deadline_exceeded,
    fail_alone,
    fail_late,
    parts_of,
)
from serving.models.batching.run_times import RunTimes
from serving.observe.no_observer import NoObserver

__all__ = ["BatchObserver", "Batcher", "Execute"]

Execute = Callable[[BatchKind, Sequence[Any], float], list[Any] | Awaitable[list[Any]]]
"""Runs the payloads of one batch until its latest deadline; gives one result per payload, at once or later."""

LEAD = 2.0
"""Under overload a request starts only if it has the time of this many slow runs left.

With less, one run that takes longer than usual would make all requests of its batch late. The capacity is not
wasted: other requests, which can still be answered in time, fill the batch.
"""

Release = Callable[[], Awaitable[None] | None]


class BatchObserver(Protocol):
    """Called about batches; must be cheap and must not raise."""

    def batch(self, rows: int, seconds: float, requests: int) -> None:
        """A batch of `rows` rows of `requests` requests ran for `seconds`, successfully or not."""

    def queued(self, rows: int) -> None:
        """`rows` rows wait now. Called when a batch starts, and per request while none can."""

    def waited(self, oldest: float, total: float, requests: int) -> None:
        """A batch starts whose oldest request has waited for `oldest` seconds, and all `requests` for `total`."""

    def rejected(self, reason: str) -> None:
        """A request was dropped before it ran: `overload` or `deadline`."""

    def closed(self) -> None:
        """No batch follows."""


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
        available: Callable[[], bool] = lambda: True,
    ) -> None:
        """At most `concurrency` awaited batches run at a time; `release` is called once, when all is finished.

        `available` says whether what runs the batches answers.
        """
        self._loop: asyncio.AbstractEventLoop | None = None
        self._execute = execute
        self._observer = observer or NoObserver()
        self._concurrency = concurrency
        self._release = release
        self._available = available
        self._max_rows = batching.max_rows
        self._max_queue_rows = batching.max_queue_rows
        self._max_wait = batching.max_wait_ms / 1e3
        self._queue = FairQueue(batching.max_rows, batching.max_queue_rows, self._reject)
        self._retries: deque[Batch] = deque()
        self._running: dict[Future[Any], tuple[Batch, float]] = {}
        self._run_times = RunTimes()
        self._swept = -math.inf
        self._scheduled = False
        self._fill_timer: asyncio.TimerHandle | None = None
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._deadline_timer_at = math.inf
        self._closing: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()

    @property
    def queued_rows(self) -> int:
        """Rows that wait and do not run yet."""
        return self._queue.rows

    def available(self) -> bool:
        """See `Backend.available`."""
        return self._closing is None and self._available()

    def submit(self, kind: BatchKind, payload: Any, call: Call) -> Future[Any]:
        """See `Backend.submit`."""
        loop = self._loop
        if loop is None or not loop.is_running():
            # Looked up once: it makes a system call (getpid), a tenth of the cost of a small request.
            loop = self._loop = asyncio.get_running_loop()
        answer = loop.create_future()
        now = monotonic()
        try:
            # A request without rows counts as one row.
            rows = kind.rows(payload) or 1
            batch_key = kind.batch_key(payload)
        except SlipwayError as error:
            answer.set_exception(error)
            return answer
        refusal = self._refusal(kind, batch_key, rows, call, now)
        if refusal is not None:
            answer.set_exception(refusal)
            return answer
        request = QueuedRequest(answer, payload, rows, call.deadline, now)
        if rows <= self._max_rows:
            self._queue.push(kind, batch_key, request, call.client, call.urgency)
        else:
            self._push_parts(kind, batch_key, request, call)
        if call.deadline < self._deadline_timer_at:
            self._set_deadline_timer(call.deadline, loop)
        if len(self._running) >= self._concurrency:
            self._observer.queued(self._queue.rows)
        elif not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._start_next)
        return answer

    async def close(self) -> None:
        """See `Backend.close`. A run that outlasts the deadlines of all its requests is cancelled."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._drain())
        await asyncio.shield(self._closing)

    async def _drain(self) -> None:
        if self._fill_timer is not None:
            self._start_next()
        while self._unanswered():
            self._idle.clear()
            await self._idle.wait()
        for run in list(self._running):
            run.cancel()
        for timer in (self._deadline_timer, self._fill_timer):
            if timer is not None:
                timer.cancel()
        try:
            released = self._release() if self._release is not None else None
            if released is not None:
                await released
        finally:
            self._observer.closed()

    def _unanswered(self) -> bool:
        """Whether any request may still be waiting for its answer."""
        started = [request for batch in self._started() for request in batch.requests]
        return self._queue.rows > 0 or not all(request.answer.done() for request in started)

    def _started(self) -> list[Batch]:
        """The batches that run now or will run again."""
        return [*self._retries, *(batch for batch, _ in self._running.values())]

    def _push_parts(self, kind: BatchKind, batch_key: Hashable, whole: QueuedRequest, call: Call) -> None:
        for part in parts_of(kind, whole, self._max_rows):
            self._queue.push(kind, batch_key, part, call.client, call.urgency)

    def _refusal(
        self, kind: BatchKind, batch_key: Hashable, rows: int, call: Call, now: float
    ) -> SlipwayError | None:
        """Why a new request is not queued; None once there is room for it."""
        if self._closing is not None:
            return NotReady("this version is being unloaded; send the request again")
        if call.deadline <= now:
            self._observer.rejected("deadline")
            return DeadlineExceeded("the deadline passed before the request was queued")
        queue = self._queue
        if queue.rows > self._max_rows:
            too_late = self._too_late(kind, batch_key, rows, call, now)
            if too_late is not None:
                self._observer.rejected("overload")
                return too_late
        if queue.rows + rows > self._max_queue_rows and not queue.make_room(rows, call.client, now):
            self._observer.rejected("overload")
            return self._overloaded()
        return None

    def _too_late(
        self, kind: BatchKind, batch_key: Hashable, rows: int, call: Call, now: float
    ) -> Overloaded | None:
        """The error for a request that would start too late behind the queued ones; None if it would not."""
        lead = self._lead()
        if not lead:
            return None
        queue = self._queue
        left = call.deadline - now
        time_to_start = left - min(lead, left / 2)
        each = self._run_times.usual() / self._concurrency / self._max_rows
        if (queue.rows + rows) * each < time_to_start:
            return None
        if now - self._swept > each * self._max_rows:
            # Cancelled and late requests do not delay this one.
            self._swept = now
            queue.sweep(now)
        ahead = queue.ahead(kind, batch_key, call.client, call.urgency)
        # The running batch needs about half a run more, and the request's own rows are counted although they are
        # not ahead of it: the two are about equal.
        wait = (ahead + rows) * each
        if wait < time_to_start:
            return None
        return Overloaded(
            f"{ahead} rows go before this request and take about {wait:.2g} s; its deadline is in {left:.2g} s",
            retry_after=math.ceil(wait - time_to_start) or 1,
        )

    def _overloaded(self) -> Overloaded:
        return Overloaded(f"{self._queue.rows} rows wait already (limit {self._max_queue_rows})")

    def _reject(self, request: QueuedRequest, reason: str) -> None:
        """Answer a request that will not run."""
        self._observer.rejected(reason)
        request.fail(deadline_exceeded() if reason == "deadline" else self._overloaded())

    def _start_next(self) -> None:
        """Start the next batch, if one may start."""
        self._scheduled = False
        if self._fill_timer is not None:
            self._fill_timer.cancel()
            self._fill_timer = None
        if len(self._running) < self._concurrency and (self._retries or self._queue.rows):
            now = monotonic()
            loop = asyncio.get_running_loop()
            wait = self._fill_seconds(now) if self._max_wait else 0.0
            if wait > 0:
                self._fill_timer = loop.call_later(wait, self._start_next)
                return
            self._start(self._next(now), now)
            if len(self._running) < self._concurrency and (self._retries or self._queue.rows):
                self._scheduled = True
                loop.call_soon(self._start_next)
        if self._closing is not None:
            self._idle.set()

    def _fill_seconds(self, now: float) -> float:
        """Seconds that the next batch may still wait for more requests."""
        if self._retries or self._closing is not None or self._queue.full():
            return 0.0
        return self._queue.oldest() + self._max_wait - now

    def _next(self, now: float) -> Batch:
        """The next batch, without cancelled and late requests; it may be empty."""
        if self._retries:
            kind, requests = self._retries.popleft()
            return Batch(kind, fail_late(requests, now))
        batch = self._queue.take(now, self._lead())
        if batch.requests:
            arrived = [request.arrived for request in batch.requests]
            count = len(arrived)
            self._observer.waited(now - min(arrived), count * now - sum(arrived), count)
        return batch

    def _lead(self) -> float:
        """The seconds that a request must have left when it starts; 0 while no more than one batch waits.

        Without a lead, an overloaded queue, whose oldest requests are always close to their deadlines, would fill
        its batches with requests that are late when the batch ends.
        """
        if self._queue.rows <= self._max_rows or not self._run_times.known():
            return 0.0
        return LEAD * self._run_times.slow()

    def _start(self, batch: Batch, now: float) -> None:
        kind, requests = batch
        if not requests:
            return
        self._observer.queued(self._queue.rows)
        payloads = [request.payload for request in requests]
        try:
            results = self._execute(kind, payloads, max([request.deadline for request in requests]))
            if not isinstance(results, list):
                run = asyncio.ensure_future(results)
                self._running[run] = batch, now
                run.add_done_callback(self._finish)
                return
        except (Exception, CancelledError) as error:  # noqa: BLE001  it becomes the error of the requests it concerns
            self._report(batch, now)
            self._fail(batch, error)
            return
        self._report(batch, now)
        self._deliver(batch, results)

    def _finish(self, run: Future[Any]) -> None:
        batch, started = self._running.pop(run)
        self._report(batch, started)
        error = CancelledError() if run.cancelled() else run.exception()
        if error is not None:
            self._fail(batch, error)
        else:
            self._deliver(batch, run.result())
        self._start_next()

    def _report(self, batch: Batch, started: float) -> None:
        seconds = monotonic() - started
        self._run_times.add(seconds)
        requests = batch.requests
        self._observer.batch(sum([request.rows for request in requests]), seconds, len(requests))

    def _deliver(self, batch: Batch, results: Any) -> None:
        if not isinstance(results, list) or len(results) != len(batch.requests):
            error = BackendFailed(f"the model did not give one result for each of {len(batch.requests)} requests")
            for request in batch.requests:
                request.fail(error)
            return
        for request, result in zip(batch.requests, results, strict=True):
            if not request.answer.done():
                request.answer.set_result(result)

    def _fail(self, batch: Batch, error: BaseException) -> None:
        """Fail the requests that `error` concerns. The others run again, before all that are queued."""
        kind, requests = batch
        if isinstance(error, (CancelledError, DeadlineExceeded, Unavailable)):
            for request in requests:
                request.fail(error)
            return
        blamed = kind.blame(error, [one.payload for one in requests]) if isinstance(error, Exception) else None
        if blamed is not None:
            index, own = blamed
            requests[index].fail(own)
            # Two batches: if the later requests fail again, the earlier ones do not have to run again with them.
            halves = [requests[:index], requests[index + 1 :]]
        elif len(requests) == 1:
            halves = fail_alone(kind, requests[0], error)
        else:
            halves = [requests[: len(requests) // 2], requests[len(requests) // 2 :]]
        self._retries.extendleft(Batch(kind, half) for half in reversed(halves) if half)

    def _set_deadline_timer(self, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        """One timer serves all deadlines. It goes through all requests, so it has to wait for the next sweep."""
        due = max(deadline, self._queue.next_sweep)
        if due < self._deadline_timer_at:
            if self._deadline_timer is not None:
                self._deadline_timer.cancel()
            self._deadline_timer_at = due
            self._deadline_timer = loop.call_later(due - monotonic(), self._answer_late)

    def _answer_late(self) -> None:
        """Answer all late requests, and set the timer for the earliest deadline left."""
        self._deadline_timer_at = math.inf
        now = monotonic()
        earliest = self._queue.sweep(now)
        for batch in self._started():
            earliest = min([earliest, *(request.deadline for request in fail_late(batch.requests, now))])
        self._observer.queued(self._queue.rows)
        if earliest < math.inf:
            self._set_deadline_timer(earliest, asyncio.get_running_loop())
        if self._closing is not None:
            self._idle.set()
