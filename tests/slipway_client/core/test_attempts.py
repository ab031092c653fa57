from __future__ import annotations

import pytest

from serving.edge.request_life import request_id_of
from slipway_client import BadAnswer, DeadlineExceeded, Invalid, Overloaded, SlipwayError, Unavailable
from slipway_client.core.attempts import begin, exchange
from slipway_client.core.steps import Event, Outcome, Request, Send, Turn
from tests.slipway_client.driven import Clock, Driven, drive, failure, options, problem, reply

REQUEST = Request("GET", "/v1/models", headers={"accept": "x"})
BUSY = problem(503, "the queue is full", "overloaded", retry_after="1")


def attempted(*events: Event, clock: Clock | None = None, **fields: object) -> Driven:
    clock = clock or Clock()
    return drive(exchange(begin(options(clock, **fields)), REQUEST), *events, clock=clock)


def test_an_answer_is_returned_as_it_came() -> None:
    done = attempted(reply(200, {"a": 1}))
    assert done.result == reply(200, {"a": 1})
    assert done.waits == []


def test_the_deadline_goes_along_and_shrinks() -> None:
    done = attempted(BUSY, reply(), timeout=5)
    first, second = (int(request.headers["x-request-timeout-ms"]) for request in done.requests)
    assert first == 5000
    assert second == pytest.approx(5000 - 1000 * done.waits[0], abs=1)
    assert [send.seconds for send in done.sent] == pytest.approx([5, 5 - done.waits[0]])
    assert done.requests[0].headers["accept"] == "x"


def test_a_very_short_deadline_is_one_that_the_server_accepts() -> None:
    assert attempted(reply(), timeout=1e-5).requests[0].headers["x-request-timeout-ms"] == "1"


def test_waiting_for_a_turn_takes_from_the_time() -> None:
    clock = Clock()
    steps = exchange(begin(options(clock, timeout=5)), REQUEST)
    assert next(steps) == Turn(5)
    clock.now += 2
    send = steps.send(None)
    assert isinstance(send, Send) and send.seconds == 3
    assert send.request.headers["x-request-timeout-ms"] == "3000"
    late = exchange(begin(options()), REQUEST)
    next(late)
    with pytest.raises(DeadlineExceeded):
        late.send(failure(Outcome.LATE))


@pytest.mark.parametrize(
    "event",
    [failure(Outcome.UNSENT), BUSY, problem(503, retry_after="0"), problem(429), problem(429, retry_after="1")],
)
def test_what_was_not_worked_on_is_sent_again(event: Event) -> None:
    done = attempted(event, reply(200, {"ok": True}))
    assert done.error is None and len(done.sent) == 2
    assert done.waits[0] > 0
    assert done.requests[0].headers["x-request-id"] == done.requests[1].headers["x-request-id"]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (failure(Outcome.LATE), DeadlineExceeded),
        (failure(Outcome.BROKEN), Unavailable),
        (failure(Outcome.UNREADABLE), BadAnswer),
        *[(problem(status), SlipwayError) for status in (302, 400, 404, 408, 413, 422, 500, 502, 503, 504)],
    ],
)
def test_what_may_have_been_worked_on_is_not(event: Event, kind: type[SlipwayError]) -> None:
    done = attempted(event)
    assert isinstance(done.error, kind)
    assert done.waits == []


def test_there_are_as_many_attempts_as_retries_and_one() -> None:
    done = attempted(*[failure(Outcome.UNSENT)] * 4, retries=3)
    assert isinstance(done.error, Unavailable) and isinstance(done.error.__cause__, OSError)
    assert done.waits == pytest.approx([0.05, 0.1, 0.2])
    assert attempted(BUSY, retries=0).waits == []


def test_pauses_have_a_random_part_and_are_at_least_what_the_server_asks() -> None:
    waits = [attempted(BUSY, reply(), jitter=lambda value=value: value).waits[0] for value in (0.0, 1.0)]
    assert waits == pytest.approx([1.025, 1.075])


def test_no_pause_goes_beyond_the_deadline() -> None:
    slow = problem(503, "the queue is full", "overloaded", retry_after="10")
    done = attempted(slow, timeout=5)
    assert isinstance(done.error, Overloaded) and done.error.retry_after == 10
    assert done.waits == []


def test_a_missing_version_may_be_tried_again() -> None:
    clock = Clock()
    steps = exchange(begin(options(clock)), REQUEST, retry_missing=True)
    assert drive(steps, problem(404), reply(), clock=clock).error is None


def test_the_caller_may_choose_the_id_and_the_time() -> None:
    call = begin(options(), 0.5, "mine")
    assert (call.request_id, call.left()) == ("mine", 0.5)
    assert call.part(2).request_id == "mine.2"
    assert len({begin(options()).request_id for _ in range(10)}) == 10
    with pytest.raises(ValueError, match="`timeout` must be"):
        begin(options(), 0)


def test_an_id_that_a_gateway_would_replace_is_refused() -> None:
    longest = begin(options(), request_id="a.-_Z9" * 20).part(1_000_000).request_id
    assert request_id_of(longest) == longest, "with the number of a part, a gateway keeps it"
    for wrong in ("a b", "x\r\nhost: y", "é", "a" * 121, 17):
        with pytest.raises(Invalid, match="`request_id` must be text of 1 to 120 of") as found:
            begin(options(), request_id=wrong)  # type: ignore[arg-type]
        assert found.value.field == "request_id"
