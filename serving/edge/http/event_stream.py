"""An answer that is a stream of server-sent events.

A handler returns `EventStream(request, events)`, where `events` is an async generator:

- At most one event waits while another is being sent, so a slow client slows the generator down.
- A client that leaves cancels the generator, whose `finally` blocks run.
- While there are no events, a comment is sent from time to time, so that proxies keep the connection.
- An error of the generator becomes the last event, `event: error` with the error in the form of the door. The
  record of the request has the status of the error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from serving.edge.error_responses import error_answer
from serving.edge.http.request_body import DisconnectWatch
from serving.edge.request_life import Request

__all__ = ["Event", "EventStream"]

HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": heartbeat\n\n"
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would otherwise hold events back.
    (b"x-accel-buffering", b"no"),
)
ENCODER = msgspec.json.Encoder()


class Event(msgspec.Struct, frozen=True):
    """One event. `data` is sent as JSON; `name` and `id` are single lines, left out where they are empty."""

    data: Any
    name: str = ""
    id: str = ""

    def encoded(self) -> bytes:
        """The event as it is sent. Raises `ValueError` for a name or an id of several lines."""
        return _encoded(ENCODER.encode(self.data), self.name, self.id)


class EventStream:
    """The ASGI application that sends the events of one request."""

    def __init__(
        self, request: Request, events: AsyncGenerator[Event, None], heartbeat_seconds: float = HEARTBEAT_SECONDS
    ) -> None:
        self._request = request
        self._events = events
        self._heartbeat = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until there are no more. Raises `ClientGone`."""
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
        # The answer to HEAD has no body, and the stream might never end.
        if scope["method"] != "HEAD":
            with DisconnectWatch(receive):
                await self._send_events(send)
        await send({"type": "http.response.body", "body": b""})

    async def _send_events(self, send: Send) -> None:
        # The generator has a task of its own: a heartbeat must not cancel it.
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)
        producer = asyncio.create_task(self._produce(waiting))
        try:
            while (part := await self._next(waiting)) is not None:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        finally:
            producer.cancel()
            await asyncio.wait({producer})

    async def _next(self, waiting: asyncio.Queue[bytes | None]) -> bytes | None:
        """The next event, a heartbeat where none comes for a while, or None at the end."""
        try:
            async with asyncio.timeout(self._heartbeat):
                return await waiting.get()
        except TimeoutError:
            return HEARTBEAT

    async def _produce(self, waiting: asyncio.Queue[bytes | None]) -> None:
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    await waiting.put(event.encoded())
        except Exception as cause:  # noqa: BLE001  the answer has begun: the error can only be its last event
            request = self._request
            answer = error_answer(request.fail(cause), request.call)
            await waiting.put(_encoded(answer.body, "error", ""))
        await waiting.put(None)


def _encoded(data: bytes, name: str, identity: str) -> bytes:
    text = ""
    for field, value in (("event", name), ("id", identity)):
        if "\n" in value or "\r" in value or "\0" in value:
            raise ValueError(f"{field}: must be a single line, got {value[:64]!r}")
        if value:
            text += f"{field}: {value}\n"
    return b"%bdata: %b\n\n" % (text.encode(), data)
