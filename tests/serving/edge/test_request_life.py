from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from serving.edge.identity.identity import OPEN
from serving.edge.identity.key_file import editing, new_key
from serving.edge.identity.limits import Limits
from serving.edge.request_life import (
    HIDDEN,
    Request,
    RequestFactory,
    RequestLife,
    deadline_of,
    new_id,
    parse_version,
    request_id_of,
    to_error,
    trace_id_of,
    urgency_of,
)
from serving.kernel import errors
from serving.kernel.errors import Invalid, Malformed, NotFound, SlipwayError, TooManyRequests
from serving.kernel.settings import Settings
from serving.observe.request_record import CLIENT_GONE
from tests.serving.edge.toy import Recorder


@given(st.text(max_size=140))
def test_request_ids_are_always_sane(given_: str) -> None:
    made = request_id_of(given_)
    assert 1 <= len(made) <= 128 and all(c.isascii() and (c.isalnum() or c in "._-") for c in made)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "a" * 32),
        ("01-" + "a" * 32 + "-" + "b" * 16 + "-01-more", "a" * 32),
        ("ff-" + "a" * 32 + "-" + "b" * 16 + "-01", ""),
        ("00-" + "0" * 32 + "-" + "b" * 16 + "-01", ""),
        ("00-" + "a" * 32 + "-" + "0" * 16 + "-01", ""),
        ("00-" + "A" * 32 + "-" + "b" * 16 + "-01", ""),
        ("00-" + "a" * 31 + "-" + "b" * 16 + "-01", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_traceparent(text: str | None, expected: str) -> None:
    assert trace_id_of(text) == expected


def test_deadlines() -> None:
    settings = Settings(default_timeout_ms=1000, max_timeout_ms=2000)
    for text, seconds in (("500", 0.5), ("99999999", 2.0)):
        before = time.monotonic()
        assert before + seconds <= deadline_of(text, settings) <= time.monotonic() + seconds
    for text in ("", "0", "-1", "1.5", "1e3", "\u0663", " 5", "1" * 20):
        with pytest.raises(Malformed, match="x-request-timeout-ms"):
            deadline_of(text, settings)


def test_versions() -> None:
    assert [parse_version(text) for text in (None, "", "7", "007")] == [None, None, 7, 7]
    for text in ("0", "-1", "1.0", "latest", "\u0663", "9" * 20):
        with pytest.raises(NotFound, match="whole numbers from 1"):
            parse_version(text)


def test_new_ids_differ() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000 and {len(text) for text in made} == {32}


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("u=0", 0),
        ("u=7", 7),
        ("i, u=1", 1),
        ("u=5, i", 5),
        ("u=2;x=1", 2),
        ("", 3),
        ("u=9", 3),
        ("u=12", 3),
        ("i", 3),
    ]
    + [("high", 3), ("mu=1", 3)],
)
def test_urgency(text: str, urgency: int) -> None:
    assert urgency_of(text) == urgency


def request(settings: Settings, headers: dict[bytes, bytes], peer: str = "10.0.0.7") -> Request:
    requests = RequestFactory(settings)
    made = requests.http("POST", headers, "v1", peer, {})
    requests.identify(made, headers)
    return made


def test_a_client_is_its_address_unless_a_header_is_trusted() -> None:
    headers = {b"x-tenant": b"acme", b"priority": b"u=1"}
    plain = request(Settings(), headers)
    assert (plain.call.client, plain.call.urgency, plain.identity) == ("10.0.0.7", 1, OPEN)
    trusting = Settings(client_header="X-Tenant")
    named = request(trusting, headers)
    assert (named.call.client, named.identity) == ("acme", replace(OPEN, client="acme"))
    assert request(trusting, {}).call.client == "10.0.0.7"
    assert request(trusting, {b"x-tenant": b"x" * 500}, "").call.client == "x" * 128


def test_a_client_with_a_key_is_the_key_and_is_counted(tmp_path: Path) -> None:
    with editing(tmp_path) as (pepper, found):
        key, record = new_key(pepper, "shop", ("predict",), limits=Limits(per_minute=1))
        found.keys.append(record)
    requests = RequestFactory(Settings(key_folder=str(tmp_path), home=tmp_path, client_header="x-tenant"))
    headers = {b"authorization": f"Bearer {key}".encode(), b"x-tenant": b"acme"}
    made = [requests.http("POST", headers, "v1", peer, {}) for peer in ("10.0.0.7", "10.0.0.8")]
    requests.identify(made[0], headers)
    with pytest.raises(TooManyRequests):
        requests.identify(made[1], headers)
    assert {one.call.client for one in made} == {f"key:{record.id}"}
    assert made[1].identity.meter is not None, "its answer says when to come again"


def test_a_call_is_timed_by_its_own_header() -> None:
    requests = RequestFactory(Settings(default_timeout_ms=1000))
    call = requests.call({}, "v1", "")
    assert requests.timed(call, {}) is call
    assert requests.timed(call, {b"x-request-timeout-ms": b"50"}).remaining() <= 0.05
    with pytest.raises(Malformed):
        requests.timed(call, {b"x-request-timeout-ms": b"soon"})


def lives(observer: Recorder) -> list[RequestLife]:
    requests = RequestFactory(Settings(), observer)
    headers = {b"x-request-id": b"mine"}
    return [requests.http("POST", headers, "v1", "", {}), requests.grpc("ModelInfer", "/x", headers, "", 5.0)]


def test_every_life_has_one_record() -> None:
    observer = Recorder()
    for life in lives(observer):
        life.model, life.version, life.rows = "toy", 3, 2
        life.end(200)
        life.end(500)
        life.leave()
    assert observer.running == 0
    found = [(r.request_id, r.door, r.model, r.version, r.rows, r.status, r.error) for r in observer.records]
    assert found == [("mine", door, "toy", 3, 2, 200, "") for door in ("v1", "grpc")]
    assert all(record.seconds >= 0 and record.ended > 1e9 for record in observer.records)


def test_a_failure_is_recorded_with_its_own_status_whatever_was_sent() -> None:
    observer = Recorder()
    for life in lives(observer):
        assert life.fail(NotFound("no such model")).status == 404
        life.end(200)
    assert [(record.status, record.error) for record in observer.records] == [(404, "NotFound")] * 2


def test_a_cancelled_request_is_recorded_alike_everywhere() -> None:
    observer = Recorder()
    for life in lives(observer):
        life.leave()
        life.end(200)
    assert [(record.status, record.error) for record in observer.records] == [(CLIENT_GONE, "ClientGone")] * 2


def test_a_stranger_is_hidden_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        error = to_error(KeyError("secret"), "r-9")
    assert (type(error), error.message, error.status) == (SlipwayError, HIDDEN, 500)
    assert caplog.records[0].fields == {"request_id": "r-9"}  # type: ignore[attr-defined]
    assert "secret" in caplog.text


def test_the_cause_of_a_server_fault_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = errors.BackendFailed("could not run")
    error.__cause__ = RuntimeError("deep inside")
    with caplog.at_level(logging.ERROR):
        assert to_error(error, "r") is error
        assert to_error(Invalid("$", "no"), "r").status == 422
    assert "deep inside" in caplog.text and len(caplog.records) == 1
