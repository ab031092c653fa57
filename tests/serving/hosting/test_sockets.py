from __future__ import annotations

import asyncio
import os
import socket

import pytest

from serving.hosting.sockets import bind, listeners, others_listen, turn_away
from tests.serving.edge.neighbour import neighbour


def listening(port: int = 0) -> socket.socket:
    made = bind("127.0.0.1", port, "http_port")
    made.listen()
    return made


def test_replicas_share_a_port_and_strangers_do_not() -> None:
    with listening() as first, listening(first.getsockname()[1]) as second:
        assert first.getsockname() == second.getsockname()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(
            OSError, match=f"SLIPWAY_HTTP_PORT: cannot listen on 127.0.0.1:{port}: Address already"
        ):
            bind("127.0.0.1", port, "http_port")


def test_only_what_listens_is_a_listener() -> None:
    with bind("127.0.0.1", 0, "http_port") as made:
        port = made.getsockname()[1]
        assert listeners(port) == set()
        made.listen()
        assert listeners(port) == {os.fstat(made.fileno()).st_ino}
    assert listeners(port) == set()


def test_another_process_on_the_port_is_seen() -> None:
    with listening() as made:
        port = made.getsockname()[1]
        assert not others_listen(port)
        with neighbour(port):
            assert others_listen(port)
        assert not others_listen(port)


def inode(made: socket.socket) -> int:
    return os.fstat(made.fileno()).st_ino


def test_new_connections_are_turned_away_without_a_refusal_and_old_ones_go_on() -> None:
    with listening() as made, listening() as another, socket.create_connection(made.getsockname()) as early:
        accepted, _ = made.accept()
        asyncio.run(turn_away([inode(made)]))
        with pytest.raises(TimeoutError):
            socket.create_connection(made.getsockname(), timeout=0.2)
        with accepted:
            early.sendall(b"still here")
            assert accepted.recv(100) == b"still here"
        socket.create_connection(another.getsockname(), timeout=5).close()


def test_it_waits_until_those_that_came_before_are_accepted() -> None:
    async def run() -> None:
        with listening() as made, socket.create_connection(made.getsockname()):
            turning = asyncio.create_task(turn_away([inode(made)]))
            await asyncio.sleep(0.1)
            assert not turning.done()
            accepted, _ = made.accept()
            accepted.close()
            await asyncio.wait_for(turning, 1)

    asyncio.run(run())


def test_who_was_turned_away_meets_another_listener() -> None:
    async def run() -> None:
        with listening() as stays:
            with listening(stays.getsockname()[1]) as leaves:
                await turn_away([inode(leaves)])
                # The kernel sends a first packet that was dropped again after a second.
                attempts = [asyncio.create_task(asyncio.open_connection(*stays.getsockname())) for _ in range(20)]
                await asyncio.sleep(0.2)
                waiting = sum(not attempt.done() for attempt in attempts)
            async with asyncio.timeout(10):
                for _, writer in await asyncio.gather(*attempts):
                    writer.close()
                    await writer.wait_closed()
            assert 0 < waiting < 20

    asyncio.run(run())
