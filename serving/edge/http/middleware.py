"""The steps that every request takes on its way to a route, as pure ASGI middleware.

`serving.edge.application` has the list, in running order. None of them is a `BaseHTTPMiddleware`: that runs the
application in a task of its own, which breaks cancellation, and copies what is streamed.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.edge.error_responses import error_answer
from serving.edge.http.head_limits import check_host
from serving.edge.http.request_body import UNREAD_BODY, WITH_BODY, ClientGone
from serving.edge.http.routes import REQUEST, send_answer
from serving.edge.request_life import Request, RequestFactory
from serving.kernel.errors import BodyTimeout, Malformed, TooLarge

__all__ = ["AnswerErrors", "IdentifyCaller", "LimitBody", "RecordRequest"]


class RecordRequest:
    """Begins and ends the life of a request, and sends its id with the answer."""

    def __init__(self, app: ASGIApp, requests: RequestFactory) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a client that leaves ends it without an answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, status = scope["path"], 0
        unread = (scope.get("extensions") or {}).get(UNREAD_BODY)
        request = self._requests.http(
            scope["method"],
            dict(scope["headers"]),
            _door_of(path),
            (scope.get("client") or ("",))[0],
            {},
            scope.get("query_string", b""),
        )

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = (b"x-request-id", request.call.request_id.encode())
                # What is left of a body that nobody reads would be taken for the next request.
                last = [(b"connection", b"close")] if unread is not None and unread() else []
                message = {**message, "headers": [own, *message.get("headers", ()), *_limits(request), *last]}
            await send(message)

        # Routes have whole paths, wherever this application is mounted.
        inner = {**scope, "path": _without_slash(path), "root_path": "", REQUEST: request}
        try:
            await self._app(inner, receive, send_with_id)
        except ClientGone:
            request.leave()
        except asyncio.CancelledError:
            request.leave()
            raise
        finally:
            request.end(status)


class AnswerErrors:
    """Turns an exception into an answer; one that comes after the answer has begun breaks the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request: Request = scope[REQUEST]
        began = False

        async def watched_send(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientGone:
            raise
        except Exception as cause:  # noqa: BLE001  the edge: whatever it is, the caller gets an answer
            error = request.fail(cause)
            if began:
                raise
            await send_answer(error_answer(error, request.call), scope, receive, send)


class LimitBody:
    """Bounds the size of a body and the time it takes to arrive. Nothing is refused before it is read."""

    def __init__(self, app: ASGIApp, requests: RequestFactory) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] in WITH_BODY:
            receive = _LimitedBody(scope[REQUEST], self._requests, receive)
        await self._app(scope, receive, send)


class IdentifyCaller:
    """Finds out who sends the request, and to which host."""

    def __init__(self, app: ASGIApp, requests: RequestFactory) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            request: Request = scope[REQUEST]
            # Servers of others, such as Ray Serve's, do not look at it.
            check_host(request.headers.get(b"host", b""))
            self._requests.identify(request, request.headers)
        await self._app(scope, receive, send)


class _LimitedBody:
    """`receive` of one request with its limits.

    Raises `Malformed`, `TooLarge` and `BodyTimeout`. After the last part only a disconnect follows, which may take
    as long as it likes.
    """

    def __init__(self, request: Request, requests: RequestFactory, receive: Receive) -> None:
        self._request = request
        self._requests = requests
        self._receive = receive
        self._size = -1
        self._complete = False

    async def __call__(self) -> Message:
        request = self._request
        if self._size < 0:
            self._size = 0
            request.call = self._requests.timed(request.call, request.headers)
            _check_length(request.header(b"content-length"), request.max_body_bytes)
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(request.call.remaining()):
                message: dict[str, Any] = dict(await self._receive())
        except TimeoutError as cause:
            raise BodyTimeout("the body did not arrive before the request's deadline") from cause
        self._size += len(message.get("body", b""))
        if self._size > request.max_body_bytes:
            raise TooLarge(f"the body has more than the {request.max_body_bytes} bytes that are allowed")
        self._complete = not message.get("more_body", False)
        return message


def _check_length(length: str | None, limit: int) -> None:
    """Refuse a body by what it says of itself, so that it need not be sent."""
    if length is None:
        return
    if not (length.isascii() and length.isdigit()):
        raise Malformed(f"content-length: must be a whole number of bytes, got {length[:32]!r}")
    if int(length) > limit:
        raise TooLarge(f"the body has {int(length)} bytes; at most {limit} are allowed")


def _limits(request: Request) -> list[tuple[bytes, bytes]]:
    meter = request.identity.meter
    found = {} if meter is None else meter.headers()
    return [(name.encode(), value.encode()) for name, value in found.items()]


def _door_of(path: str) -> str:
    return path[1:3] if path.startswith(("/v1", "/v2")) else "operations"


def _without_slash(path: str) -> str:
    return path[:-1] if len(path) > 1 and path.endswith("/") else path
