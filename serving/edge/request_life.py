"""The life of one request, from its arrival to its record.

The hot lane, the Starlette application and gRPC all use these few functions: `RequestFactory` begins a life,
`fail` notes an error, `leave` notes that nobody waits for the answer, and `end` hands the record to the observer.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive

from serving.edge.identity.callers import Callers
from serving.edge.identity.identity import ANONYMOUS, OPEN, Identity
from serving.kernel.call import Call
from serving.kernel.errors import Malformed, NotFound, SlipwayError
from serving.kernel.settings import Settings
from serving.observe.logs import fields
from serving.observe.no_observer import NoObserver
from serving.observe.request_record import CLIENT_GONE, Observer, RequestRecord

__all__ = [
    "SANE_ID",
    "Answer",
    "Request",
    "RequestFactory",
    "RequestLife",
    "Response",
    "deadline_of",
    "new_id",
    "parse_version",
    "request_id_of",
    "to_error",
    "trace_id_of",
    "urgency_of",
]

SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
URGENCY = re.compile(r"(?:^|,)\s*u\s*=\s*([0-7])\s*(?:$|[,;])")
DEFAULT_URGENCY = 3
JSON_TYPE = "application/json"
HIDDEN = "the server failed on this request; its log has the cause under the same request id"
GONE = "ClientGone"
"""The error in the record of a request that was cancelled: by its client, or by a server that shuts down."""
_PROCESS_ID = os.urandom(8).hex()
_COUNT = itertools.count(1)

log = logging.getLogger(__name__)


class RequestLife(msgspec.Struct):
    """What is known of one request. Handlers fill in `model`, `version` and `rows` for the record."""

    observer: Observer
    call: Call
    method: str
    began: float
    """`time.perf_counter()` seconds."""
    route: str = ""
    """The path's template or the gRPC method; empty until a route was found."""
    named: bool = False
    """Whether the caller sent `x-request-id`; it wins over an id in the body."""
    identity: Identity = ANONYMOUS
    model: str = ""
    version: int = 0
    rows: int = 0
    status: int = 0
    error: str = ""
    ended: bool = False

    def fail(self, cause: BaseException) -> SlipwayError:
        """Note why the request failed; returns the error to send. The record follows with `end`."""
        error = to_error(cause, self.call.request_id)
        self.status, self.error = error.status, type(error).__name__
        return error

    def leave(self) -> None:
        """The request was cancelled, so there is nobody to answer: end its life."""
        self.status, self.error = CLIENT_GONE, GONE
        self.end(CLIENT_GONE)

    def end(self, status: int) -> None:
        """Hand over the record. `status` is what was sent; the status of a noted error wins over it.

        Only the first call counts.
        """
        if self.ended:
            return
        self.ended = True
        call = self.call
        self.observer.finished(
            RequestRecord(
                call.request_id,
                call.door,
                self.method,
                self.route,
                self.model,
                self.version,
                self.status or status,
                time.perf_counter() - self.began,
                self.rows,
                call.trace_id,
                self.error,
                time.time(),
            )
        )


class Request(RequestLife):
    """One HTTP request, as a handler sees it."""

    headers: dict[bytes, bytes] = {}
    params: dict[str, str] = {}
    """The parameters of the path."""
    query: bytes = b""
    """What follows `?` in the request target."""
    max_body_bytes: int = 0
    """Largest body, in bytes as they arrive and once more when decompressed. A route may set its own."""
    body: bytes = b""
    receive: Receive | None = None
    """Where a handler that wants the body in parts takes them from."""
    tensors: Any = None
    """The app and the tensors that were asked for, where `start` leaves them for `finish`."""

    def header(self, name: bytes) -> str | None:
        """A header by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class Response(msgspec.Struct, gc=False):
    """An answer in one piece: its body, its status, and the headers that not every answer has."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON_TYPE
    headers: dict[str, str] = {}  # noqa: RUF012 - msgspec copies the default

    @classmethod
    def json(cls, value: object, status: int = 200) -> Response:
        """The answer that has `value` as JSON."""
        return cls(msgspec.json.encode(value), status)


Answer = Response | ASGIApp
"""What a handler returns: a whole answer, or an ASGI application (any Starlette response) that writes its own."""


class RequestFactory:
    """Begins the life of each request, within the limits of the settings."""

    def __init__(
        self, settings: Settings, observer: Observer | None = None, callers: Callers | None = None
    ) -> None:
        """Without `callers`, those that the settings name. Raises `SettingsError`."""
        self.settings = settings
        self._callers = callers or Callers.of(settings)
        self.asks_callers = self._callers.asked
        self.observer = observer or NoObserver()
        self._client = settings.client_header.lower().encode()

    def http(
        self,
        method: str,
        headers: dict[bytes, bytes],
        door: str,
        peer: str,
        params: dict[str, str],
        query: bytes = b"",
    ) -> Request:
        """A request over HTTP from the address `peer`. `end` must follow, whatever happens."""
        began = time.perf_counter()
        made = Request(
            self.observer,
            self.call(headers, door, peer),
            method,
            began,
            headers=headers,
            params=params,
            query=query,
            max_body_bytes=self.settings.max_body_bytes,
        )
        self.observer.started(door)
        return made

    def grpc(self, method: str, route: str, headers: dict[bytes, bytes], peer: str, left: float) -> RequestLife:
        """A call over gRPC with `left` seconds to its deadline. `end` must follow, whatever happens."""
        began = time.perf_counter()
        call = msgspec.structs.replace(self.call(headers, "grpc", peer), deadline=time.monotonic() + left)
        made = RequestLife(self.observer, call, method, began, route, b"x-request-id" in headers)
        self.observer.started("grpc")
        return made

    def call(self, headers: Mapping[bytes, bytes], door: str, peer: str) -> Call:
        """What travels with the request. Never raises: what a header says wrongly is ignored."""
        get = headers.get
        given, parent, urgency = get(b"x-request-id"), get(b"traceparent"), get(b"priority")
        return Call(
            new_id() if given is None else request_id_of(_text(given)),
            time.monotonic() + self.settings.default_timeout_ms / 1000,
            door,
            "" if parent is None else trace_id_of(_text(parent)),
            peer,
            DEFAULT_URGENCY if urgency is None else urgency_of(_text(urgency)),
        )

    def identify(self, request: RequestLife, headers: Mapping[bytes, bytes]) -> None:
        """Find out who sends the request. Raises `Unauthenticated` and `TooManyRequests`."""
        identity = self._callers.identify(headers, request.call.client) if self.asks_callers else OPEN
        named = headers.get(self._client) if self._client and not identity.client else None
        if named is not None:
            identity = msgspec.structs.replace(identity, client=_text(named)[:128])
        request.identity = identity
        if identity.client:
            request.call = msgspec.structs.replace(request.call, client=identity.client)
        if identity.meter is not None:
            identity.meter.take()

    def timed(self, call: Call, headers: Mapping[bytes, bytes]) -> Call:
        """The same call with the deadline that its caller set. Raises `Malformed`."""
        given = headers.get(b"x-request-timeout-ms")
        if given is None:
            return call
        return msgspec.structs.replace(call, deadline=deadline_of(_text(given), self.settings))


def to_error(cause: BaseException, request_id: str) -> SlipwayError:
    """An error that may be sent. What is not of our tree is logged in full and replaced by a bare 500.

    Overload and deadlines are not logged here: they come in storms and the observer counts them.
    """
    if isinstance(cause, SlipwayError):
        if cause.status == 500 and cause.__cause__ is not None:
            log.error("%s", cause.message, exc_info=cause, extra=fields(request_id=request_id))
        return cause
    log.error("unexpected %s", type(cause).__name__, exc_info=cause, extra=fields(request_id=request_id))
    return SlipwayError(HIDDEN)


def new_id() -> str:
    """An id no other request has: 32 hexadecimal digits, random for the process and counted within it."""
    return f"{_PROCESS_ID}{next(_COUNT):016x}"


def request_id_of(given: str | None) -> str:
    """The caller's id where it is sane, else a new one."""
    return given if given is not None and SANE_ID.fullmatch(given) else new_id()


def urgency_of(priority: str) -> int:
    """The urgency of an RFC 9218 `Priority`: 0 to 7; 3, as the standard asks, where it gives none."""
    match = URGENCY.search(priority)
    return int(match[1]) if match else DEFAULT_URGENCY


def trace_id_of(traceparent: str | None) -> str:
    """The trace id of a W3C `traceparent`; empty, as the standard asks, where it is absent or malformed."""
    match = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return match[1] if match and match[1].strip("0") and match[2].strip("0") else ""


def deadline_of(timeout_ms: str, settings: Settings) -> float:
    """The monotonic time by which the answer is wanted. Raises `Malformed`."""
    if not (timeout_ms.isascii() and timeout_ms.isdigit() and len(timeout_ms) < 16 and int(timeout_ms) > 0):
        raise Malformed(
            f"x-request-timeout-ms: must be a whole number of milliseconds >= 1, got {timeout_ms[:32]!r}"
        )
    return time.monotonic() + min(int(timeout_ms), settings.max_timeout_ms) / 1000


def parse_version(text: str | None) -> int | None:
    """A version as callers write it; None or empty asks for the champion. Raises `NotFound`."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        raise NotFound(f"no version {text[:32]!r}; versions are whole numbers from 1")
    return int(text)


def _text(value: bytes) -> str:
    return value.decode("latin-1")
