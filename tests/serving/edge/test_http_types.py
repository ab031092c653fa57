from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.edge.http_types import (
    CallReader,
    check_media,
    deadline_of,
    new_id,
    parse_version,
    request_id_of,
    trace_id_of,
    urgency_of,
)
from serving.kernel.errors import Malformed, NotFound, UnsupportedMedia
from serving.kernel.settings import Settings


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


@pytest.mark.parametrize(
    "media",
    [None, "", "application/json", "application/json; charset=UTF-8", "application/octet-stream", "text/plain"]
    + ["application/x-www-form-urlencoded", "application/vnd.api+json", 'application/json;charset="utf-8"', "*/*"],
)
def test_media_that_are_read(media: str | None) -> None:
    raw = None if media is None else media.encode()
    check_media(raw, None)
    check_media(raw, b"identity")


@pytest.mark.parametrize(
    ("media", "encoding"),
    [("text/html", None), ("application/grpc+proto", None), ("image/png", None), ("application/json", "gzip")]
    + [("application/json; charset=utf-16", None)],
)
def test_media_that_are_not(media: str, encoding: str | None) -> None:
    with pytest.raises(UnsupportedMedia, match="allowed|uncompressed"):
        check_media(media.encode(), None if encoding is None else encoding.encode())


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


def test_a_client_is_its_address_unless_a_header_is_trusted() -> None:
    headers = {b"x-tenant": b"acme", b"priority": b"u=1"}
    plain = CallReader(Settings()).read(headers, "v1", "10.0.0.7")
    assert (plain.client, plain.urgency) == ("10.0.0.7", 1)
    trusting = CallReader(Settings(client_header="X-Tenant"))
    assert trusting.read(headers, "v1", "10.0.0.7").client == "acme"
    assert trusting.read({}, "v1", "10.0.0.7").client == "10.0.0.7"
    assert trusting.read({b"x-tenant": b"x" * 500}, "v1", "").client == "x" * 128


def test_a_call_is_timed_by_its_own_header() -> None:
    calls = CallReader(Settings(default_timeout_ms=1000))
    call = calls.read({}, "v1", "")
    assert calls.timed(call, {}) is call
    assert calls.timed(call, {b"x-request-timeout-ms": b"50"}).remaining() <= 0.05
    with pytest.raises(Malformed):
        calls.timed(call, {b"x-request-timeout-ms": b"soon"})
