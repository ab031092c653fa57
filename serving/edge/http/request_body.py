"""Reading a request's body within its limits, and noticing that the caller has left."""

from __future__ import annotations

import asyncio
import time

from serving.edge.http_types import Receive
from serving.kernel.errors import BodyTimeout, Malformed, TooLarge

__all__ = ["ClientGone", "DisconnectWatch", "read_body"]

PATIENCE = 0.02
"""Seconds a request may run before its caller is watched: most are done by then and pay only for a timer."""


class ClientGone(Exception):
    """The caller closed the connection before the answer."""


async def read_body(receive: Receive, length: str | None, limit: int, deadline: float) -> bytes:
    """The whole body. Raises `TooLarge`, `BodyTimeout`, `Malformed` or `ClientGone`."""
    if length is not None:
        if not (length.isascii() and length.isdigit()):
            raise Malformed(f"content-length: must be a whole number of bytes, got {length[:32]!r}")
        if int(length) > limit:
            raise TooLarge(f"the body has {int(length)} bytes; at most {limit} are allowed")
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            body, more = await _part(receive)
            if not more:
                return _within(body, limit)
            parts = [body]
            size = len(body)
            while more:
                body, more = await _part(receive)
                size += len(body)
                if size > limit:
                    raise TooLarge(f"the body has more than the {limit} bytes that are allowed")
                parts.append(body)
    except TimeoutError as cause:
        raise BodyTimeout("the body did not arrive before the request's deadline") from cause
    return b"".join(parts)


async def _part(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise TooLarge(f"the body has more than the {limit} bytes that are allowed")
    return body


class DisconnectWatch:
    """Cancels the task that made it when the caller goes away while it waits."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def start(self) -> None:
        """Begin to watch after a little patience. The body must have been read."""
        self._waiting = asyncio.current_task()
        self._timer = self._loop.call_later(PATIENCE, self._look)

    def stop(self) -> None:
        """Stop watching; calling it twice is allowed."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        self._timer = self._watcher = None

    def gone(self) -> bool:
        """Whether the caller left; takes back the cancellation that told so."""
        if self._gone and self._waiting is not None:
            self._waiting.uncancel()
        return self._gone

    def _look(self) -> None:
        self._watcher = self._loop.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._waiting is not None:
            self._waiting.cancel()
