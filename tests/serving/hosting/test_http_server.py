from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from serving.edge.application import HttpApplication
from serving.hosting import http_server
from serving.hosting.http_server import HttpServer
from tests.serving.edge.neighbour import neighbour
from tests.serving.edge.toy import ToyPlane
from tests.serving.edge.wire import ask, connected, instances, post, read_answer


def server(**settings: float) -> HttpServer:
    plane = ToyPlane()
    return HttpServer(HttpApplication(plane), replace(plane.settings, **settings))  # type: ignore[arg-type]


def health(address: str) -> int:
    return ask(address, b"GET /-/healthz HTTP/1.1\r\nhost: x\r\n\r\n")[0]


def test_the_last_on_its_port_says_so_before_it_stops_listening() -> None:
    async def run() -> list[int]:
        doors = server(notice_seconds=0.6)
        await doors.open()
        address = f"127.0.0.1:{doors.port}"
        seen = [await asyncio.to_thread(health, address)]
        leaving = asyncio.create_task(doors.drain(1.0))
        await asyncio.sleep(0.3)
        seen.append(await asyncio.to_thread(health, address))
        status, headers, _ = await asyncio.to_thread(ask, address, post(instances()))
        assert headers["connection"] == "close"
        await leaving
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(health, address)
        return [*seen, status]

    assert asyncio.run(run()) == [200, 503, 200]


def test_an_idle_server_sleeps_until_its_next_tick_or_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "TICK_SECONDS", 3600.0)
    ticked: list[object] = []
    tick = http_server._Uvicorn.on_tick

    async def counted(self: Any, counter: int) -> bool:
        ticked.append(self)
        return await tick(self, counter)

    monkeypatch.setattr(http_server._Uvicorn, "on_tick", counted)

    async def run() -> int:
        doors = server()
        await doors.open()
        await asyncio.sleep(0.5)
        status, headers, _ = await asyncio.to_thread(ask, f"127.0.0.1:{doors.port}", post(instances()))
        assert status == 200 and headers["date"]
        await doors.drain(1.0)
        return sum(one is doors._server for one in ticked)

    assert asyncio.run(run()) == 2, "when it began, and when it was told to end"


def test_with_others_on_its_port_it_stays_healthy_and_gives_no_notice() -> None:
    def use(doors: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        look = b"GET /-/healthz HTTP/1.1\r\nhost: x\r\n\r\n"
        with connected(f"127.0.0.1:{doors.port}") as kept, neighbour(doors.port):
            kept.sendall(look)
            assert read_answer(kept)[0] == 200
            leaving = asyncio.run_coroutine_threadsafe(doors.drain(4.0), loop)
            time.sleep(0.3)
            kept.sendall(look)
            status, headers, _ = read_answer(kept)
            assert (status, headers["connection"]) == (200, "close"), "the node is well"
            leaving.result(60)

    async def run() -> None:
        doors = server(notice_seconds=60.0)
        await doors.open()
        await asyncio.to_thread(use, doors, asyncio.get_running_loop())

    asyncio.run(run())


def test_a_connection_that_waits_gets_one_more_answer() -> None:
    async def run() -> None:
        doors = server()
        await doors.open()
        await asyncio.to_thread(use, doors, asyncio.get_running_loop())

    def use(doors: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        with connected(f"127.0.0.1:{doors.port}") as busy, connected(f"127.0.0.1:{doors.port}") as idle:
            for connection in (busy, idle):
                connection.sendall(post(instances()))
                assert "connection" not in read_answer(connection)[1]
            leaving = asyncio.run_coroutine_threadsafe(doors.drain(2.0), loop)
            busy.settimeout(0.3)
            with pytest.raises(TimeoutError):
                busy.recv(1)
            busy.sendall(post(instances()))
            status, headers, _ = read_answer(busy)
            assert (status, headers["connection"]) == (200, "close")
            assert busy.recv(1) == b""
            assert idle.recv(1) == b"", "closed without a word after a while"
            leaving.result(60)

    asyncio.run(run())


def test_a_connection_that_has_lasted_long_is_asked_to_be_renewed() -> None:
    def use(port: int) -> None:
        with connected(f"127.0.0.1:{port}") as connection:
            deadline, headers = time.monotonic() + 60, dict[str, str]()
            while "connection" not in headers:
                assert time.monotonic() < deadline
                connection.sendall(post(instances()))
                status, headers, _ = read_answer(connection)
                assert status == 200
            assert (headers["connection"], connection.recv(1)) == ("close", b"")

    async def run() -> None:
        doors = server(connection_seconds=0.5)
        await doors.open()
        await asyncio.to_thread(use, doors.port)
        await doors.drain(1.0)

    asyncio.run(run())


def test_draining_what_was_never_opened() -> None:
    asyncio.run(server().drain(1.0))
