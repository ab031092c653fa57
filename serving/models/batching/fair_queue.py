"""The queue of one version: which requests wait, and in which order they get into a batch.

Requests that may share a batch have the same batch key. The key with the most urgent request goes first; keys of
the same urgency take turns. Among the requests of one key the more urgent go first. Clients whose requests are
equally urgent take turns, measured in rows and not in requests, and each client's own requests keep their order.
To let no request wait for ever, every eighth batch starts with the request that has waited longest, whatever its
urgency.

The queue is bounded. When it is full, a client that would still have no more than its fair share (the queued rows
divided by the number of clients) displaces the newest requests of the client with the most rows. With many clients
the row counts by which that client is chosen may be slightly out of date.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from itertools import islice

from serving.kernel.backend import BatchKind
from serving.models.batching.queued_request import Batch, QueuedRequest

__all__ = ["FairQueue", "Reject"]

AGEING = 8
"""Every this many batches, one starts with the request that has waited longest."""
SWEEP_REST = 1e-3
SWEEP_REST_PER_REQUEST = 2e-6
"""The least seconds from one sweep to the next: about ten times what a sweep takes."""
CLIENTS_PER_LOOKUP = 16
"""The clients are ranked again after one lookup of the largest per this many clients, to bound a lookup's cost."""
SAMPLED_CLIENTS = 64
"""The rows ahead of a request are estimated from this many clients; the others are assumed to be like them."""

Reject = Callable[[QueuedRequest, str], None]
"""Answers a request that will not run; the reason is `overload` or `deadline`."""


class _Client:
    """One client's part of the queue."""

    __slots__ = ("flows", "name", "rows")

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = 0
        self.flows: list[_Flow] = []


class _KeyQueue:
    """The requests of one batch key. `levels` has the flows of each urgency by client, in the order of turns."""

    __slots__ = ("key", "levels", "rows")

    def __init__(self, key: tuple[BatchKind, Hashable]) -> None:
        self.key = key
        self.rows = 0
        self.levels: dict[int, OrderedDict[str, _Flow]] = {}

    def urgency(self) -> int:
        return min(self.levels)


class _Flow:
    """One client's requests of one batch key and urgency. Its turn ends when its credit, in rows, is used up."""

    __slots__ = ("client", "credit", "queue", "requests", "rows", "urgency")

    def __init__(self, client: _Client, queue: _KeyQueue, urgency: int, credit: int) -> None:
        self.client = client
        self.queue = queue
        self.urgency = urgency
        self.credit = credit
        self.rows = 0
        self.requests: deque[QueuedRequest] = deque()


class FairQueue:
    """The queue of one version.

    A cancelled request stays, and its rows count, until it is reached or swept.
    """

    def __init__(self, max_rows: int, max_queue_rows: int, reject: Reject) -> None:
        self.rows = 0
        self.next_sweep = -math.inf
        """The earliest time of the next sweep, in `time.monotonic()` seconds."""
        self._max_rows = max_rows
        self._max_queue_rows = max_queue_rows
        self._reject = reject
        self._quantum = max(1, max_rows // 8)
        self._queues: OrderedDict[tuple[BatchKind, Hashable], _KeyQueue] = OrderedDict()
        self._clients: dict[str, _Client] = {}
        self._ranking: list[tuple[int, str]] = []
        self._lookups = 0
        self._batches = 0

    def push(
        self, kind: BatchKind, batch_key: Hashable, request: QueuedRequest, client: str, urgency: int
    ) -> None:
        """Add a request."""
        key = (kind, batch_key)
        found = self._queues.get(key)
        turns = None if found is None else found.levels.get(urgency)
        flow = None if turns is None else turns.get(client)
        if flow is None:
            flow = self._open(key, client, urgency)
        flow.requests.append(request)
        rows = request.rows
        flow.rows += rows
        flow.queue.rows += rows
        flow.client.rows += rows
        self.rows += rows

    def take(self, now: float, lead: float = 0.0) -> Batch:
        """The next batch; empty if all requests reached were cancelled or late. The queue must not be empty.

        A request with less than `lead` seconds to its deadline is rejected as late, unless more than half of its
        time is left.
        """
        self._batches += 1
        queue, urgencies = self._next()
        requests: list[QueuedRequest] = []
        room = self._max_rows
        for urgency in urgencies:
            room = self._serve(queue.levels[urgency], room, requests, now, lead)
            if not room:
                break
        if queue.key in self._queues:
            self._queues.move_to_end(queue.key)
        return Batch(queue.key[0], requests)

    def make_room(self, rows: int, client: str, now: float) -> bool:
        """Make room for `rows` more, rejecting others if need be; False if the client would exceed its share."""
        if self._fits(rows):
            return True
        if now >= self.next_sweep:
            self.sweep(now)
            if self._fits(rows):
                return True
        known = self._clients.get(client)
        wanted = rows if known is None else rows + known.rows
        if wanted * (len(self._clients) + (known is None)) > self.rows:
            return False
        while not self._fits(rows):
            largest = self._largest_client()
            if largest.rows <= wanted:
                return False
            self._evict(largest)
        return True

    def ahead(self, kind: BatchKind, batch_key: Hashable, client: str, urgency: int) -> int:
        """An estimate of the rows that go before one more request of this client.

        These are all rows of the client itself and at most as many of each other client, counting only requests of
        the same batch key and urgency.
        """
        found = self._queues.get((kind, batch_key))
        turns = None if found is None else found.levels.get(urgency)
        if not turns:
            return 0
        flow = turns.get(client)
        own = 0 if flow is None else flow.rows
        share = max(own, self._quantum)
        sample = [min(other.rows, share) for other in islice(turns.values(), SAMPLED_CLIENTS) if other is not flow]
        others = len(turns) - (flow is not None)
        return own + (sum(sample) * others // len(sample) if sample else 0)

    def sweep(self, now: float) -> float:
        """Reject late requests and drop cancelled ones; returns the earliest deadline left, or infinity."""
        earliest, count = math.inf, 0
        for flow in list(self._flows()):
            count += len(flow.requests)
            live: deque[QueuedRequest] = deque()
            for request in flow.requests:
                if _can_start(request, now):
                    live.append(request)
                else:
                    self._reject_late(request)
            freed = sum(request.rows for request in flow.requests) - sum(request.rows for request in live)
            earliest = min([earliest, *(request.deadline for request in live)])
            flow.requests = live
            self._free(flow, freed)
        self.next_sweep = now + SWEEP_REST + SWEEP_REST_PER_REQUEST * count
        return earliest

    def oldest(self) -> float:
        """The arrival time of the request that has waited longest. The queue must not be empty."""
        return min(flow.requests[0].arrived for flow in self._flows())

    def full(self) -> bool:
        """Whether there are enough requests of one batch key for a batch of `max_rows`."""
        return any(queue.rows >= self._max_rows for queue in self._queues.values())

    def _fits(self, rows: int) -> bool:
        return not self.rows or self.rows + rows <= self._max_queue_rows

    def _open(self, key: tuple[BatchKind, Hashable], name: str, urgency: int) -> _Flow:
        if not self.rows:
            self._queues.clear()
            self._clients.clear()
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _KeyQueue(key)
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = _Client(name)
        flow = _Flow(client, queue, urgency, self._quantum)
        client.flows.append(flow)
        queue.levels.setdefault(urgency, OrderedDict())[name] = flow
        return flow

    def _flows(self) -> Iterator[_Flow]:
        for queue in self._queues.values():
            for turns in queue.levels.values():
                yield from turns.values()

    def _next(self) -> tuple[_KeyQueue, list[int]]:
        """The requests whose turn it is, and their urgencies in the order in which they are served."""
        queue = next(iter(self._queues.values()))
        if len(self._queues) == 1 and len(queue.levels) == 1:
            return queue, list(queue.levels)
        if self._batches % AGEING:
            queue = min(self._queues.values(), key=_KeyQueue.urgency)
            return queue, sorted(queue.levels)
        flow = min(self._flows(), key=lambda flow: flow.requests[0].arrived)
        queue, first = flow.queue, flow.urgency
        queue.levels[first].move_to_end(flow.client.name, last=False)
        flow.credit = max(flow.credit, 1)
        return queue, [first, *sorted(urgency for urgency in queue.levels if urgency != first)]

    def _serve(
        self,
        turns: OrderedDict[str, _Flow],
        room: int,
        batch: list[QueuedRequest],
        now: float,
        lead: float,
    ) -> int:
        """Move requests of one urgency into `batch`; returns the rows still free, 0 if the next would not fit."""
        while room and turns and self.rows:
            name, flow = next(iter(turns.items()))
            if flow.credit <= 0:
                flow.credit += self._quantum
                turns.move_to_end(name)
                continue
            requests, freed = flow.requests, 0
            while requests and flow.credit > 0:
                request = requests[0]
                rows = request.rows
                if not _can_start(request, now, lead):
                    self._reject_late(request)
                elif rows > room:
                    # It keeps its turn and is the first in the next batch of its key.
                    room = 0
                    break
                else:
                    room -= rows
                    flow.credit -= rows
                    batch.append(request)
                requests.popleft()
                freed += rows
            self._free(flow, freed)
        return room

    def _reject_late(self, request: QueuedRequest) -> None:
        """Reject a request that cannot start any more, unless it was cancelled."""
        if not request.answer.done():
            self._reject(request, "deadline")

    def _largest_client(self) -> _Client:
        """The client with the most rows, by the last ranking and with its current number of rows."""
        self._lookups += 1
        while True:
            if not self._ranking or self._lookups * CLIENTS_PER_LOOKUP >= len(self._clients):
                self._ranking = [(-client.rows, name) for name, client in self._clients.items()]
                heapq.heapify(self._ranking)
                self._lookups = 0
            ranked, name = self._ranking[0]
            client = self._clients.get(name)
            if client is None:
                heapq.heappop(self._ranking)
            elif -ranked == client.rows:
                return client
            else:
                heapq.heapreplace(self._ranking, (-client.rows, name))

    def _evict(self, client: _Client) -> None:
        """Reject the newest request of a client."""
        flow = max(client.flows, key=lambda flow: flow.requests[-1].arrived)
        request = flow.requests.pop()
        if not request.answer.done():
            self._reject(request, "overload")
        self._free(flow, request.rows)

    def _free(self, flow: _Flow, rows: int) -> None:
        """Subtract `rows`. An empty flow is removed, except the last of all, which is likely to be used next."""
        client, queue = flow.client, flow.queue
        flow.rows -= rows
        self.rows -= rows
        queue.rows -= rows
        client.rows -= rows
        if flow.requests or not self.rows:
            return
        client.flows.remove(flow)
        if not client.flows:
            del self._clients[client.name]
        turns = queue.levels[flow.urgency]
        del turns[client.name]
        if not turns:
            del queue.levels[flow.urgency]
        if not queue.levels:
            del self._queues[queue.key]


def _can_start(request: QueuedRequest, now: float, lead: float = 0.0) -> bool:
    """Whether a request is still waited for and in time, with `lead` seconds or half of its time to spare."""
    if request.answer.done():
        return False
    left = request.deadline - now
    return left > lead or left > max(0.0, (request.deadline - request.arrived) / 2)
