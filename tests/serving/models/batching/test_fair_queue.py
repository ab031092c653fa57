from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.models.batching.fair_queue import AGEING, CLIENTS_PER_LOOKUP, SAMPLED_CLIENTS, FairQueue
from serving.models.batching.queued_request import QueuedRequest
from tests.serving.models.numbers import Numbers

kind = Numbers()
FOREVER = 1e9


class Rejected(list[tuple[Any, str]]):
    """What was rejected, and why. Rejecting answers a request, as the batcher does."""

    def __call__(self, request: QueuedRequest, reason: str) -> None:
        assert not request.answer.done()
        self.append((request.payload, reason))
        request.answer.set_result(None)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


class Queue:
    """`FairQueue` with short names; each request is a name and arrives a second after the one before."""

    def __init__(self, loop: asyncio.AbstractEventLoop, max_rows: int = 8, bound: int = 1000) -> None:
        self.loop = loop
        self.rejected = Rejected()
        self.fair = FairQueue(max_rows, bound, self.rejected)
        self.clock = 0.0

    def push(
        self,
        name: Any,
        rows: int = 1,
        client: str = "",
        urgency: int = 3,
        batch_key: str = "",
        deadline: float = FOREVER,
    ) -> QueuedRequest:
        self.clock += 1
        request = QueuedRequest(self.loop.create_future(), name, rows, deadline, self.clock)
        self.fair.push(kind, batch_key, request, client, urgency)
        return request

    def take(self, now: float = 0.0) -> list[Any]:
        return [request.payload for request in self.fair.take(now).requests]

    def rest(self) -> list[list[Any]]:
        """All that is left, batch by batch."""
        batches = []
        while self.fair.rows:
            batches.append(self.take())
        return batches


@pytest.fixture
def queue(loop: asyncio.AbstractEventLoop) -> Queue:
    return Queue(loop)


def test_the_requests_of_one_client_keep_their_order(queue: Queue) -> None:
    for name in range(20):
        queue.push(name, rows=1 + name % 3)
    assert [name for batch in queue.rest() for name in batch] == list(range(20))


def test_clients_take_turns_by_rows(queue: Queue) -> None:
    sizes = Queue(queue.loop, max_rows=64)
    for name in range(200):
        sizes.push(1, client="a")
        if name % 4 == 0:
            sizes.push(4, rows=4, client="b")
    for batch in sizes.rest()[:5]:
        assert abs(batch.count(1) - 4 * batch.count(4)) <= 16


def test_a_client_that_comes_later_is_in_the_next_batch(queue: Queue) -> None:
    for name in range(100):
        queue.push(name, client="flood")
    queue.take()
    queue.push("late", client="trickle")
    assert "late" in queue.take()


def test_a_request_that_does_not_fit_is_the_first_of_the_next_batch(queue: Queue) -> None:
    queue.push("a", rows=5)
    queue.push("b", rows=4)
    queue.push("c", rows=1)
    queue.push("d", rows=8, client="other")
    assert queue.rest() == [["a"], ["d"], ["b", "c"]]


def test_lanes_are_not_mixed_and_take_turns(queue: Queue) -> None:
    for name in range(24):
        queue.push(f"a{name}", batch_key="a")
    for name in range(3):
        queue.push(f"b{name}", batch_key="b")
    queue.push("c", batch_key="c")
    first, second, third, *others = queue.rest()
    assert first == [f"a{n}" for n in range(8)]
    assert second == ["b0", "b1", "b2"]
    assert third == ["c"]
    assert others == [[f"a{n}" for n in range(8, 16)], [f"a{n}" for n in range(16, 24)]]


def test_equal_lanes_of_two_kinds_of_work_are_two(queue: Queue) -> None:
    queue.push("a")
    queue.fair.push(Numbers(), "", QueuedRequest(queue.loop.create_future(), "b", 1, FOREVER, 2.0), "", 3)
    assert queue.rest() == [["a"], ["b"]]


def test_the_most_urgent_goes_first_across_keys_and_clients(queue: Queue) -> None:
    queue.push("patient", urgency=7)
    queue.push("usual", client="x")
    queue.push("urgent", urgency=0, client="y", batch_key="other")
    queue.push("also", urgency=5, batch_key="other")
    assert queue.rest() == [["urgent", "also"], ["usual", "patient"]]


def test_the_longest_waiting_goes_first_at_regular_intervals(queue: Queue) -> None:
    for name in range(3):
        queue.push(f"patient {name}", urgency=7, client=f"client {name}")
    queue.push("aside", urgency=6, batch_key="other")
    found = {}
    for batch in range(4 * AGEING):
        for _ in range(8):
            queue.push("urgent", urgency=0)
        for name in queue.take():
            found[name] = batch
    assert found["patient 0"] < AGEING
    assert found["patient 2"] < 2 * AGEING
    assert found["aside"] < 3 * AGEING


def test_at_those_intervals_the_turns_of_clients_do_not_count(loop: asyncio.AbstractEventLoop) -> None:
    queue = Queue(loop, max_rows=16)
    for name, rows in (("a1", 1), ("b1", 16), ("b2", 16), ("a2", 16)):
        queue.push(name, rows, urgency=7, client=name[0])
    found = []
    for _ in range(4 * AGEING):
        queue.push("urgent", 16, urgency=0)
        found.append(queue.take())
    assert found[AGEING - 1 :: AGEING] == [["a1"], ["b1"], ["b2"], ["a2"]]
    assert found.count(["urgent"]) == 4 * (AGEING - 1)


def test_cancelled_requests_take_no_room_in_a_batch(queue: Queue) -> None:
    requests = [queue.push(name, rows=4) for name in range(6)]
    for gone in (0, 2, 3):
        requests[gone].answer.set_result(None)
    assert queue.rest() == [[1, 4], [5]]
    assert queue.rejected == []


def test_a_late_request_is_rejected_when_it_is_reached(queue: Queue) -> None:
    for name in range(6):
        queue.push(name, rows=4, deadline=5.0 if name % 2 else 9.0)
    assert queue.take(now=5.0) == [0, 2]
    assert queue.rejected == [(1, "deadline")]
    assert queue.take(now=9.0) == []
    assert queue.rejected == [(n, "deadline") for n in (1, 3, 4, 5)]
    assert queue.fair.rows == 0


def test_a_sweep_rejects_late_requests_and_drops_cancelled_ones(queue: Queue) -> None:
    requests = [
        queue.push(name, batch_key=str(name % 2), urgency=name % 3, deadline=10.0 + name) for name in range(12)
    ]
    requests[11].answer.set_result(None)
    assert queue.fair.sweep(14.0) == 15.0
    assert sorted(queue.rejected) == [(n, "deadline") for n in range(5)]
    assert queue.fair.rows == 6
    assert sorted(name for batch in queue.rest() for name in batch) == list(range(5, 11))
    assert queue.fair.sweep(99.0) == float("inf")


def test_the_greediest_client_makes_room_with_its_newest(queue: Queue) -> None:
    queue = Queue(queue.loop, bound=8)
    for name in range(6):
        queue.push(name, client="greedy", batch_key=str(name % 2), urgency=name % 3)
    queue.push("x", rows=2, client="modest")
    assert not queue.fair.make_room(1, "greedy", 0.0)
    assert not queue.fair.make_room(4, "new", 0.0)
    assert queue.rejected == []
    assert queue.fair.make_room(2, "new", 0.0)
    assert queue.rejected == [(5, "overload"), (4, "overload")]
    assert queue.fair.rows == 6


@pytest.mark.parametrize("empty", [True, False])
def test_a_client_of_whom_nothing_waits_has_no_share(queue: Queue, empty: bool) -> None:
    queue = Queue(queue.loop, bound=4)
    queue.push("x", client="before", batch_key="first")
    if empty:
        assert queue.take() == ["x"]
    for name in range(4):
        queue.push(name, client="greedy")
    if not empty:
        assert queue.take() == ["x"]
    assert queue.fair.make_room(2, "new", 0.0)


def test_clients_are_ranked_again(queue: Queue) -> None:
    queue = Queue(queue.loop, max_rows=100, bound=200)
    for name in range(100):
        queue.push(name, client=str(name), batch_key="small")
    for _ in range(100):
        queue.push("flood", client="flood", batch_key="large")
    assert queue.fair.make_room(1, "new", 0.0)
    queue.take()
    assert queue.take() == ["flood"] * 99
    for name in range(100):
        queue.push(name, client=str(name), batch_key="small")
    for _ in range(100):
        queue.push("other flood", client="other flood", batch_key="large")
    admitted = [queue.fair.make_room(1, "new", 0.0) for _ in range(2 * 100 // CLIENTS_PER_LOOKUP)]
    # Out of date, it refuses the newcomer rather than one who has no more than that.
    assert admitted == sorted(admitted)
    assert admitted[-1]
    assert {victim for victim, _ in queue.rejected} == {"flood", "other flood"}


def test_equals_do_not_displace_each_other(queue: Queue) -> None:
    queue = Queue(queue.loop, bound=8)
    for name in range(8):
        queue.push(name, client=str(name))
    assert not queue.fair.make_room(1, "new", 0.0)
    assert not queue.fair.make_room(1, "3", 0.0)
    assert queue.rejected == []


def test_the_greediest_is_found_among_many_clients(queue: Queue) -> None:
    queue = Queue(queue.loop, max_rows=4, bound=400)
    for name in range(100):
        queue.push("first", client=str(name))
    for name in range(300):
        queue.push(name, client="flood" if name % 2 else "other flood")
    for name in range(100, 150):
        assert queue.fair.make_room(1, str(name), 0.0)
        queue.push("first", client=str(name))
        if name % 7 == 0:
            queue.take()
    assert {victim for victim, _ in queue.rejected} <= set(range(250, 300))
    odd = sum(victim % 2 for victim, _ in queue.rejected)
    assert odd and abs(len(queue.rejected) - 2 * odd) <= 2


def test_cancelled_requests_are_the_first_to_make_room(queue: Queue) -> None:
    queue = Queue(queue.loop, bound=4)
    requests = [queue.push(name, client="greedy") for name in range(4)]
    requests[2].answer.set_result(None)
    assert queue.fair.make_room(1, "new", 0.0)
    assert queue.rejected == []
    queue.push("x", client="new")
    requests[3].answer.set_result(None)
    # The sweep rests, and what has gone makes room all the same when it is the newest of the greediest.
    assert queue.fair.make_room(1, "new", 0.0)
    assert queue.rejected == []
    assert queue.fair.rows == 3


pushes = st.tuples(
    st.integers(1, 8),
    st.sampled_from(["", "x", "y", "z"]),
    st.sampled_from([0, 3, 7]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([5.0, 50.0]),
)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.one_of(pushes, st.sampled_from(["take", "gone", "sweep", "room"])), max_size=60),
    st.integers(1, 8),
)
def test_rows_are_counted_and_every_request_leaves_once(steps: list[Any], max_rows: int) -> None:
    loop = asyncio.new_event_loop()
    queue = Queue(loop, max_rows, bound=16)
    requests: dict[int, QueuedRequest] = {}
    taken: list[int] = []
    gone: set[int] = set()
    for number, step in enumerate(steps):
        if step == "take":
            if queue.fair.rows:
                batch = queue.take(now=number)
                assert sum(requests[name].rows for name in batch) <= max_rows
                taken += batch
        elif step == "gone":
            pending = [name for name in requests if not requests[name].answer.done() and name not in taken]
            if pending:
                gone.add(pending[0])
                requests[pending[0]].answer.set_result(None)
        elif step == "sweep":
            queue.fair.sweep(number)
            out = {*taken, *gone, *(name for name, _ in queue.rejected)}
            assert queue.fair.rows == sum(request.rows for name, request in requests.items() if name not in out)
        elif step == "room":
            if queue.fair.make_room(2, "x", number):
                assert queue.fair.rows <= 14
        else:
            rows, client, urgency, batch_key, deadline = step
            requests[number] = queue.push(number, min(rows, max_rows), client, urgency, batch_key, deadline)
    taken += [name for batch in queue.rest() for name in batch]
    rejected = [name for name, _ in queue.rejected]
    assert sorted([*taken, *rejected, *gone]) == sorted(requests)
    assert queue.fair.rows == 0
    loop.close()


def test_ahead_of_a_request_are_all_rows_of_its_client_and_as_many_of_each_other(queue: Queue) -> None:
    assert queue.fair.ahead(kind, "", "a", 3) == 0
    for name in range(10):
        queue.push(name, client="a")
    queue.push("b", rows=4, client="b")
    queue.push("urgent", rows=100, client="a", urgency=1)
    queue.push("elsewhere", rows=100, client="a", batch_key="other")
    assert queue.fair.ahead(kind, "", "a", 3) == 10 + 4
    assert queue.fair.ahead(kind, "", "b", 3) == 4 + 4
    assert queue.fair.ahead(kind, "", "new", 3) == 1 + 1


def test_of_many_clients_some_stand_for_all(queue: Queue) -> None:
    clients = 10 * SAMPLED_CLIENTS
    for name in range(clients):
        queue.push(name, rows=3, client=str(name))
    assert queue.fair.ahead(kind, "", "0", 3) == 3 * clients
    assert queue.fair.ahead(kind, "", "new", 3) == clients
