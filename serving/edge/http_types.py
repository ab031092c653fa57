"""One HTTP request and its answer, as small as the doors need them."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from serving.kernel.call import Call
from serving.kernel.errors import Malformed, NotFound, UnsupportedMedia
from serving.kernel.settings import Settings

__all__ = [
    "CallReader",
    "Receive",
    "Request",
    "Response",
    "Scope",
    "Send",
    "check_media",
    "deadline_of",
    "new_id",
    "parse_version",
    "request_id_of",
    "trace_id_of",
    "urgency_of",
]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
URGENCY = re.compile(r"(?:^|,)\s*u\s*=\s*([0-7])\s*(?:$|[,;])")
DEFAULT_URGENCY = 3
JSON_TYPE = "application/json"
USUAL_TYPES = (None, b"application/json", b"application/octet-stream")
_PROCESS_ID = os.urandom(8).hex()
_COUNT = itertools.count(1)
WRONG_TYPES = re.compile(
    r"(?:multipart|image|audio|video|font)/.*|text/(?:html|csv|xml)|"
    r"application/(?:xml|pdf|zip|gzip|protobuf|x-protobuf|grpc.*|msgpack|x-msgpack|yaml|x-ndjson)"
)


class Response(msgspec.Struct, gc=False):
    """What goes back: status, body and headers beyond the ones every answer has."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON_TYPE
    headers: dict[str, str] = {}  # noqa: RUF012 - msgspec copies the default


class Request(msgspec.Struct):
    """What a door's handler sees. `model`, `version` and `rows` are filled in by the handler for the record."""

    method: str
    headers: dict[bytes, bytes]
    params: dict[str, str]
    call: Call
    body: bytes = b""
    model: str = ""
    version: int = 0
    rows: int = 0
    asked: Any = None
    """What a handler wants to find again when its work is done."""
    query: bytes = b""
    """What stands behind `?` in the request target."""

    def header(self, name: bytes) -> str | None:
        """A header by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class CallReader:
    """What the headers of a request say about the call, within the settings' limits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = settings.client_header.lower().encode()

    def read(self, headers: Mapping[bytes, bytes], door: str, peer: str) -> Call:
        """The call of a request from the address `peer`; the deadline is the default one."""
        get = headers.get
        given, parent, urgency = get(b"x-request-id"), get(b"traceparent"), get(b"priority")
        client = get(self._client) if self._client else None
        return Call(
            new_id() if given is None else request_id_of(_text(given)),
            time.monotonic() + self._settings.default_timeout_ms / 1000,
            door,
            "" if parent is None else trace_id_of(_text(parent)),
            peer if client is None else _text(client)[:128],
            DEFAULT_URGENCY if urgency is None else urgency_of(_text(urgency)),
        )

    def timed(self, call: Call, headers: Mapping[bytes, bytes]) -> Call:
        """The same call with the deadline its caller asked for. Raises `Malformed`."""
        asked = headers.get(b"x-request-timeout-ms")
        if asked is None:
            return call
        return msgspec.structs.replace(call, deadline=deadline_of(_text(asked), self._settings))


def new_id() -> str:
    """An id no other request has: 32 hexadecimal digits, random for the process and counted within it."""
    return f"{_PROCESS_ID}{next(_COUNT):016x}"


def request_id_of(given: str | None) -> str:
    """The caller's id where it is sane, else a new one."""
    return given if given is not None and SANE_ID.fullmatch(given) else new_id()


def urgency_of(priority: str) -> int:
    """The urgency of an RFC 9218 `Priority`: 0 to 7, 3 when it says nothing sane, as the standard asks."""
    match = URGENCY.search(priority)
    return int(match[1]) if match else DEFAULT_URGENCY


def trace_id_of(traceparent: str | None) -> str:
    """The trace id of a W3C `traceparent`; empty when absent or malformed, as the standard asks."""
    match = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return match[1] if match and match[1].strip("0") and match[2].strip("0") else ""


def deadline_of(timeout_ms: str, settings: Settings) -> float:
    """The monotonic time by which the answer is wanted. Raises `Malformed`."""
    if not (timeout_ms.isascii() and timeout_ms.isdigit() and len(timeout_ms) < 16 and int(timeout_ms) > 0):
        raise Malformed(
            f"x-request-timeout-ms: must be a whole number of milliseconds >= 1, got {timeout_ms[:32]!r}"
        )
    return time.monotonic() + min(int(timeout_ms), settings.max_timeout_ms) / 1000


def check_media(content_type: bytes | None, encoding: bytes | None) -> None:
    """Refuse what is clearly not JSON or tensors. Raises `UnsupportedMedia`."""
    if content_type in USUAL_TYPES and encoding is None:
        return
    coding = _text(encoding or b"").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedMedia(f"content-encoding: {coding[:32]!r} is not supported; send the body uncompressed")
    media, _, parameters = _text(content_type or b"").lower().partition(";")
    if WRONG_TYPES.fullmatch(media.strip()):
        raise UnsupportedMedia(
            f"content-type: {media.strip()[:64]!r} is not read here; "
            "allowed: application/json, application/octet-stream"
        )
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters)
    if charset and charset[1] not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise UnsupportedMedia(f"content-type: charset {charset[1][:32]!r} is not read here; allowed: utf-8")


def parse_version(text: str | None) -> int | None:
    """A version as callers write it; None or empty asks for the champion. Raises `NotFound`."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        raise NotFound(f"no version {text[:32]!r}; versions are whole numbers from 1")
    return int(text)


def _text(value: bytes) -> str:
    return value.decode("latin-1")
