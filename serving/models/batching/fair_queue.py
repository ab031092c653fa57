"""What waits for a batch, and in which order it gets one.

Requests that may share a batch wait in one lane. Of the lanes, the one with the most urgent request goes first;
lanes of the same urgency take turns. Inside a lane the more urgent go first; among equals the clients take turns,
by rows and not by requests, and each client's own requests keep their order. So that nothing waits for ever,
every eighth batch starts with the request that has waited longest, however little its urgency.

What waits is bounded. When the queue is full, a client that would still have no more than its fair share (the rows
waiting, divided by the clients) takes the place of the newest requests of the client that has most. Who that is
may be a little out of date when there are many clients.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from itertools import islice

from serving.kernel.backend import Work
from serving.models.batching.queued_request import Batch, Item

__all__ = ["Reject", "Waiting"]

AGEING = 8
"""One batch in so many starts with the request that has waited longest."""
SWEEP_REST = 1e-3
SWEEP_REST_PER_ITEM = 2e-6
"""Seconds from one sweep to the next, at least: about ten times what a sweep takes."""
COUNTED_AT_ONCE = 16
"""Clients are counted anew when the greediest has been asked for once for every so many of them."""
LOOKED_AT = 64
"""Clients that are looked at to tell how much goes before a request; the others are taken to be like them."""

Reject = Callable[[Item, str], None]
"""Answers a request that will not run; the reason is `overload` or `deadline`."""


class _Client:
    """What one client has in the queue."""

    __slots__ = ("flows", "name", "rows")

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = 0
        self.flows: list[_Flow] = []


class _Lane:
    """Requests that may share a batch; `levels` has each urgency's flows by client, in order of turns."""

    __slots__ = ("key", "levels", "rows")

    def __init__(self, key: tuple[Work, Hashable]) -> None:
        self.key = key
        self.rows = 0
        self.levels: dict[int, OrderedDict[str, _Flow]] = {}

    def urgency(self) -> int:
        return min(self.levels)


class _Flow:
    """One client's requests of one lane and urgency. Its turn ends when its credit, in rows, is used up."""

    __slots__ = ("client", "credit", "items", "lane", "rows", "urgency")

    def __init__(self, client: _Client, lane: _Lane, urgency: int, credit: int) -> None:
        self.client = client
        self.lane = lane
        self.urgency = urgency
        self.credit = credit
        self.rows = 0
        self.items: deque[Item] = deque()


class Waiting:
    """The queue of one version.

    Requests that nobody waits for any more are noticed when they are reached or swept, and count until then.
    """

    def __init__(self, max_rows: int, max_queue_rows: int, reject: Reject) -> None:
        self.rows = 0
        self.rested = -math.inf
        """When the next sweep may be, in `time.monotonic()` seconds."""
        self._max_rows = max_rows
        self._max_queue_rows = max_queue_rows
        self._reject = reject
        self._quantum = max(1, max_rows // 8)
        self._lanes: OrderedDict[tuple[Work, Hashable], _Lane] = OrderedDict()
        self._clients: dict[str, _Client] = {}
        self._counted: list[tuple[int, str]] = []
        self._asked = 0
        self._batches = 0

    def push(self, work: Work, lane: Hashable, item: Item, client: str, urgency: int) -> None:
        """Let `item` wait."""
        key = (work, lane)
        found = self._lanes.get(key)
        turns = None if found is None else found.levels.get(urgency)
        flow = None if turns is None else turns.get(client)
        if flow is None:
            flow = self._open(key, client, urgency)
        flow.items.append(item)
        rows = item.rows
        flow.rows += rows
        flow.lane.rows += rows
        flow.client.rows += rows
        self.rows += rows

    def take(self, now: float, lead: float = 0.0) -> Batch:
        """The next batch; empty when nobody waits for what was reached. There must be something in the queue.

        A request with less than `lead` seconds left would be late: it is rejected, unless more than half of its
        time is left.
        """
        self._batches += 1
        lane, urgencies = self._next()
        items: list[Item] = []
        room = self._max_rows
        for urgency in urgencies:
            room = self._serve(lane.levels[urgency], room, items, now, lead)
            if not room:
                break
        if lane.key in self._lanes:
            self._lanes.move_to_end(lane.key)
        return Batch(lane.key[0], items)

    def admits(self, rows: int, client: str, now: float) -> bool:
        """Whether `rows` more may wait, if need be in the place of others, which are rejected."""
        if self._fits(rows):
            return True
        if now >= self.rested:
            self.sweep(now)
            if self._fits(rows):
                return True
        known = self._clients.get(client)
        wanted = rows if known is None else rows + known.rows
        if wanted * (len(self._clients) + (known is None)) > self.rows:
            return False
        while not self._fits(rows):
            greediest = self._greediest()
            if greediest.rows <= wanted:
                return False
            self._evict(greediest)
        return True

    def ahead(self, work: Work, lane: Hashable, client: str, urgency: int) -> int:
        """About how many rows would go before one more request: all of its client's, and as many of each other's.

        Of the same lane and urgency only: what else goes before it is not counted.
        """
        found = self._lanes.get((work, lane))
        turns = None if found is None else found.levels.get(urgency)
        if not turns:
            return 0
        flow = turns.get(client)
        own = 0 if flow is None else flow.rows
        share = max(own, self._quantum)
        looked = [min(other.rows, share) for other in islice(turns.values(), LOOKED_AT) if other is not flow]
        others = len(turns) - (flow is not None)
        return own + (sum(looked) * others // len(looked) if looked else 0)

    def sweep(self, now: float) -> float:
        """Reject what is late and drop what has gone; the earliest deadline of what is left, or infinity."""
        earliest, count = math.inf, 0
        for flow in list(self._flows()):
            count += len(flow.items)
            live = deque(item for item in flow.items if self._runs(item, now))
            freed = sum(item.rows for item in flow.items) - sum(item.rows for item in live)
            earliest = min([earliest, *(item.deadline for item in live)])
            flow.items = live
            self._free(flow, freed)
        self.rested = now + SWEEP_REST + SWEEP_REST_PER_ITEM * count
        return earliest

    def oldest(self) -> float:
        """When the request arrived that has waited longest. There must be something in the queue."""
        return min(flow.items[0].arrived for flow in self._flows())

    def full(self) -> bool:
        """Whether one lane has enough for a batch of `max_rows`."""
        return any(lane.rows >= self._max_rows for lane in self._lanes.values())

    def _fits(self, rows: int) -> bool:
        return not self.rows or self.rows + rows <= self._max_queue_rows

    def _open(self, key: tuple[Work, Hashable], name: str, urgency: int) -> _Flow:
        if not self.rows:
            self._lanes.clear()
            self._clients.clear()
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(key)
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = _Client(name)
        flow = _Flow(client, lane, urgency, self._quantum)
        client.flows.append(flow)
        lane.levels.setdefault(urgency, OrderedDict())[name] = flow
        return flow

    def _flows(self) -> Iterator[_Flow]:
        for lane in self._lanes.values():
            for turns in lane.levels.values():
                yield from turns.values()

    def _next(self) -> tuple[_Lane, list[int]]:
        """Whose turn it is: the lane, and its urgencies in the order in which they are served."""
        lane = next(iter(self._lanes.values()))
        if len(self._lanes) == 1 and len(lane.levels) == 1:
            return lane, list(lane.levels)
        if self._batches % AGEING:
            lane = min(self._lanes.values(), key=_Lane.urgency)
            return lane, sorted(lane.levels)
        flow = min(self._flows(), key=lambda flow: flow.items[0].arrived)
        lane, first = flow.lane, flow.urgency
        lane.levels[first].move_to_end(flow.client.name, last=False)
        flow.credit = max(flow.credit, 1)
        return lane, [first, *sorted(urgency for urgency in lane.levels if urgency != first)]

    def _serve(self, turns: OrderedDict[str, _Flow], room: int, batch: list[Item], now: float, lead: float) -> int:
        """Move requests of one urgency into `batch`; the rows still free, 0 when the next would not fit."""
        while room and turns and self.rows:
            name, flow = next(iter(turns.items()))
            if flow.credit <= 0:
                flow.credit += self._quantum
                turns.move_to_end(name)
                continue
            items, freed = flow.items, 0
            while items and flow.credit > 0:
                item = items[0]
                rows = item.rows
                if self._runs(item, now, lead):
                    if rows > room:
                        # It keeps its turn and is the first in the next batch of its lane.
                        room = 0
                        break
                    room -= rows
                    flow.credit -= rows
                    batch.append(item)
                items.popleft()
                freed += rows
            self._free(flow, freed)
        return room

    def _runs(self, item: Item, now: float, lead: float = 0.0) -> bool:
        if item.answer.done():
            return False
        left = item.deadline - now
        if left > lead or left > max(0.0, (item.deadline - item.arrived) / 2):
            return True
        self._reject(item, "deadline")
        return False

    def _greediest(self) -> _Client:
        """The client with the most rows, as far as they were counted."""
        self._asked += 1
        while True:
            if not self._counted or self._asked * COUNTED_AT_ONCE >= len(self._clients):
                self._counted = [(-client.rows, name) for name, client in self._clients.items()]
                heapq.heapify(self._counted)
                self._asked = 0
            counted, name = self._counted[0]
            client = self._clients.get(name)
            if client is None:
                heapq.heappop(self._counted)
            elif -counted == client.rows:
                return client
            else:
                heapq.heapreplace(self._counted, (-client.rows, name))

    def _evict(self, client: _Client) -> None:
        """Reject the newest request of a client."""
        flow = max(client.flows, key=lambda flow: flow.items[-1].arrived)
        item = flow.items.pop()
        if not item.answer.done():
            self._reject(item, "overload")
        self._free(flow, item.rows)

    def _free(self, flow: _Flow, rows: int) -> None:
        """Count `rows` out. An empty flow is forgotten unless it was the last of all: likely it is the next."""
        client, lane = flow.client, flow.lane
        flow.rows -= rows
        self.rows -= rows
        lane.rows -= rows
        client.rows -= rows
        if flow.items or not self.rows:
            return
        client.flows.remove(flow)
        if not client.flows:
            del self._clients[client.name]
        turns = lane.levels[flow.urgency]
        del turns[client.name]
        if not turns:
            del lane.levels[flow.urgency]
        if not lane.levels:
            del self._lanes[lane.key]
