from __future__ import annotations

import asyncio
import socket
import threading
import time
from dataclasses import replace
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.hosting.listener import Listener
from serving.kernel.settings import Settings
from tests.serving.edge.toy import ToyPlane
from tests.serving.edge.wire import ask, connected, instances, post, read_answer
from tests.serving.load import Load

KINDS = ("kept connection", "new connection", "kept channel", "new channel")


def listener(settings: Settings | None = None, **hooks: Any) -> Listener:
    plane = ToyPlane()
    if settings is not None:
        plane.settings = settings
    return Listener(HttpApplication(plane), GrpcDoor(plane), plane.settings, **hooks)


def settings(http: int, rpc: int) -> Settings:
    return replace(ToyPlane().settings, http_port=http, grpc_port=rpc)


def taken() -> socket.socket:
    """A port somebody else listens on."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


@pytest.mark.parametrize("name", ["SLIPWAY_HTTP_PORT", "SLIPWAY_GRPC_PORT"])
def test_a_taken_port_is_named(name: str) -> None:
    with taken() as foreign:
        port = foreign.getsockname()[1]
        ports = (port, 0) if "HTTP" in name else (0, port)
        with pytest.raises(OSError, match=f"{name}.*127.0.0.1:{port}"):
            listener(settings(*ports)).start()


def test_hooks_and_life() -> None:
    seen: list[str] = []

    async def note_start() -> None:
        seen.append("start")

    async def note_stop() -> None:
        seen.append("stop")

    doors = listener(on_start=note_start, on_stop=note_stop)
    assert not doors.alive()
    doors.start()
    address = f"127.0.0.1:{doors.ports.http}"
    assert doors.alive() and seen == ["start"]
    assert ask(address, post(instances()))[0] == 200
    doors.stop(1.0)
    doors.stop(1.0)
    assert not doors.alive() and seen == ["start", "stop"]
    with pytest.raises(ConnectionRefusedError):
        ask(address, post(instances()))


def test_a_failing_start_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("no repository")

    doors = listener(on_start=fail)
    with pytest.raises(ValueError, match="no repository"):
        doors.start()
    assert not doors.alive()


def test_replicas_share_ports() -> None:
    first = listener()
    first.start()
    second = listener(settings(first.ports.http, first.ports.grpc))
    second.start()
    try:
        address = f"127.0.0.1:{first.ports.http}"
        assert all(ask(address, post(instances()))[0] == 200 for _ in range(20))
        first.stop(1.0)
        assert all(ask(address, post(instances()))[0] == 200 for _ in range(5))
        with grpc.insecure_channel(f"127.0.0.1:{second.ports.grpc}") as channel:
            assert GRPCInferenceServiceStub(channel).ServerLive(pb.ServerLiveRequest(), timeout=120).live
    finally:
        first.stop(1.0)
        second.stop(1.0)


@pytest.mark.slow
def test_a_replica_that_comes_and_goes_loses_no_request() -> None:
    stays = listener()
    stays.start()
    http, rpc = stays.ports.http, stays.ports.grpc
    try:
        with Load(f"127.0.0.1:{http}", f"127.0.0.1:{rpc}", instances(), b'"price":') as load:
            for _ in range(6):
                goes = listener(settings(http, rpc))
                goes.start()
                time.sleep(0.3)
                goes.stop(5.0)
        assert load.failures == {}
        assert min(load.answers[kind] for kind in KINDS) > 10
    finally:
        stays.stop(1.0)


def test_its_loop_responds() -> None:
    doors = listener()
    doors.start()
    try:
        asyncio.run(asyncio.wait_for(doors.responds(), 5))
        doors.loop.call_soon_threadsafe(time.sleep, 0.5)
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(doors.responds(), 0.1))
    finally:
        doors.stop(1.0)


def test_stop_lets_what_is_in_flight_finish() -> None:
    doors = listener()
    doors.start()
    with connected(f"127.0.0.1:{doors.ports.http}") as connection:
        connection.sendall(post(instances("sleep"), x_request_timeout_ms=700))
        time.sleep(0.2)
        stopping = threading.Thread(target=doors.stop, args=(5.0,))
        stopping.start()
        assert read_answer(connection)[0] == 504, "the toy's own deadline, not a broken connection"
    stopping.join(60)
    assert not stopping.is_alive() and not doors.alive()


def test_stop_does_not_wait_for_ever() -> None:
    doors = listener()
    doors.start()
    with connected(f"127.0.0.1:{doors.ports.http}") as connection:
        connection.sendall(post(instances("sleep"), x_request_timeout_ms=20_000))
        time.sleep(0.2)
        began = time.monotonic()
        doors.stop(1.0)
    assert time.monotonic() - began < 15, "before the request's own deadline"
