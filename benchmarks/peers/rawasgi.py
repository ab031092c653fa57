"""A bare ASGI application on uvicorn with a greedy micro-batcher: about the least a Python server can do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from benchmarks.peers.model import BATCH, Model, Record

__all__ = ["Greedy", "app"]

Message = dict[str, Any]


class Greedy:
    """Whatever arrived in one turn of the event loop, up to `BATCH` rows, is one run of the model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._waiting: list[tuple[Record, asyncio.Future[float]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, record: Record) -> asyncio.Future[float]:
        """The record's number, when its batch has run."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        answer: asyncio.Future[float] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._run)
        self._waiting.append((record, answer))
        return answer

    def _run(self) -> None:
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        for (_, answer), error in zip(batch, self._model.errors([record for record, _ in batch]), strict=True):
            if not answer.done():
                answer.set_result(error)
        if self._waiting and self._loop is not None:
            self._loop.call_soon(self._run)


greedy: Greedy | None = None


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer `{"x": [...]}` with `{"e": ...}` on every path."""
    global greedy
    if scope["type"] != "http":
        return
    greedy = greedy or Greedy(Model())
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    error = await greedy.submit(orjson.loads(body))
    out = b'{"e":%.9g}' % error
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(out))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": out})
