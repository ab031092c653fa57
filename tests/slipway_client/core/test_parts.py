from __future__ import annotations

import json
from typing import Any

from slipway_client import Invalid, Unavailable
from slipway_client.core.attempts import Call, begin
from slipway_client.core.parts import Part, in_parts
from slipway_client.core.steps import Event, Reply, Request
from tests.slipway_client.driven import Clock, Driven, drive, options, problem, reply


def encode(start: int, stop: int) -> Request:
    return Request("POST", ":predict", json.dumps(list(range(start, stop))).encode())


def decode(reply: Reply, call: Call, count: int) -> Part[str]:
    return Part(json.loads(reply.body)["version"], f"{call.request_id} {count}")


def asked(count: int, *events: Event, version: int | None = None, **fields: Any) -> Driven:
    clock = Clock()
    call = begin(options(clock, **fields), request_id="id")
    return drive(in_parts(call, count, "/m", encode, decode, version), *events, clock=clock)


def rows(done: Driven) -> list[list[int]]:
    return [json.loads(request.body) for request in done.requests]


V3 = reply(200, {"version": "3"})


def test_few_rows_are_one_request() -> None:
    done = asked(3, V3, max_rows=3)
    assert [request.path for request in done.requests] == ["/m:predict"]
    assert done.result == [Part("3", "id 3")]


def test_many_rows_are_cut_and_one_version_answers_them() -> None:
    done = asked(5, V3, V3, V3, max_rows=2)
    assert rows(done) == [[0, 1], [2, 3], [4]]
    assert [request.path for request in done.requests] == ["/m:predict", *["/m/versions/3:predict"] * 2]
    assert [part.found for part in done.result] == ["id.1 2", "id.2 2", "id.3 1"]


def test_a_version_of_the_caller_and_a_fallback_are_not_pinned() -> None:
    assert {request.path for request in asked(4, V3, V3, max_rows=2, version=3).requests} == {"/m:predict"}
    rule = reply(200, {"version": "fallback"})
    assert {request.path for request in asked(4, rule, rule, max_rows=2).requests} == {"/m:predict"}


def test_answers_of_two_versions_are_not_joined() -> None:
    rule, unnamed = reply(200, {"version": "fallback"}), reply(200, {"version": ""})
    for first, other, said in ((rule, V3, "version fallback"), (V3, unnamed, "version unknown")):
        done = asked(4, first, other, max_rows=2)
        assert isinstance(done.error, Unavailable) and said in str(done.error), done.error


def test_requests_that_are_too_large_are_halved() -> None:
    done = asked(8, *[V3] * 4, max_body_bytes=len("[0, 1]"))
    assert rows(done) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    single = asked(2, V3, V3, max_body_bytes=1)
    assert rows(single) == [[0], [1]], "the server says what it thinks of a single large row"


def test_a_replica_that_has_not_loaded_the_version_yet_is_asked_again() -> None:
    done = asked(4, V3, problem(404), V3, max_rows=2)
    assert done.error is None and len(done.waits) == 1
    assert asked(2, problem(404)).waits == []


def test_errors_say_which_row_of_all_it_was() -> None:
    detail = {"detail": "$.instances[1].a: no", "field": "$.instances[1].a"}
    error = asked(6, V3, reply(422, detail), max_rows=3).error
    assert isinstance(error, Invalid) and error.field == "$.instances[4].a"
    assert error.__notes__ == ["rows 3 to 5 of 6"]
    whole = asked(3, reply(422, detail)).error
    assert isinstance(whole, Invalid) and whole.field == "$.instances[1].a" and not hasattr(whole, "__notes__")


def test_all_parts_share_the_deadline() -> None:
    busy = problem(503, retry_after="3")
    done = asked(4, busy, V3, busy, max_rows=2, timeout=5)
    assert isinstance(done.error, Unavailable), "the second pause would end after the deadline"
    assert len(done.waits) == 1
