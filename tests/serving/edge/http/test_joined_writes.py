from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from serving.edge.http import uvicorn_protocol
from serving.edge.http.uvicorn_protocol import JoinedWrites


class Holder(asyncio.Protocol):
    def __init__(self, unread: Callable[[], bool]) -> None:
        self.unread = unread
        self.lost = asyncio.Event()
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.writes = JoinedWrites(transport, asyncio.get_running_loop(), self.unread)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.writes.lost()
        self.lost.set()


async def held(unread: bool) -> tuple[Holder, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(60)
    _, protocol = await asyncio.get_running_loop().create_connection(lambda: Holder(lambda: unread), sock=ours)
    return protocol, theirs


def test_writes_of_one_turn_are_one_packet() -> None:
    async def run() -> None:
        holder, client = await held(unread=False)
        holder.writes.write(b"a")
        holder.writes.write(b"b")
        assert await asyncio.to_thread(client.recv, 10) == b"ab"
        holder.writes.write(b"c")
        holder.writes.close()
        assert holder.writes.ending
        assert await asyncio.to_thread(client.recv, 10) == b"c"
        assert await asyncio.to_thread(client.recv, 10) == b""
        await holder.lost.wait()
        client.close()

    asyncio.run(run())


def test_a_client_that_still_sends_gets_the_answer_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_protocol, "LINGER_SECONDS", 0.3)

    async def run() -> None:
        holder, client = await held(unread=True)
        holder.writes.write(b"no")
        holder.writes.close()
        assert holder.writes.ending and not holder.lost.is_set()
        client.sendall(b"x" * 1000)
        assert await asyncio.to_thread(client.recv, 10) == b"no"
        assert await asyncio.to_thread(client.recv, 10) == b""
        await holder.lost.wait()
        assert holder.received == 1000
        client.close()

    asyncio.run(run())
