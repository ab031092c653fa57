from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb

from serving.edge.grpc.door import GrpcDoor
from serving.hosting.grpc_server import GrpcServer
from serving.hosting.sockets import listeners
from tests.serving.edge.toy import ToyPlane
from tests.serving.load import METHOD, OWN_CONNECTION, TENSORS


def infer(port: int) -> Any:
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OWN_CONNECTION)


def server(**settings: float) -> GrpcServer:
    plane = ToyPlane()
    return GrpcServer(GrpcDoor(plane), replace(plane.settings, **settings))  # type: ignore[arg-type]


def test_it_answers_until_it_is_drained() -> None:
    async def run() -> None:
        doors = server()
        await doors.open()
        assert listeners(doors.port)
        async with infer(doors.port) as channel:
            answer = await channel.unary_unary(METHOD)(TENSORS, timeout=120)
            assert pb.ModelInferResponse.FromString(answer).model_name == "toy"
            await doors.drain(1.0)
            assert not listeners(doors.port)
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await channel.unary_unary(METHOD)(TENSORS, timeout=120)
            assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE

    asyncio.run(run())


def test_a_connection_is_renewed_without_a_lost_call() -> None:
    async def run() -> None:
        doors = server(connection_seconds=0.05)
        await doors.open()
        states = set()
        async with infer(doors.port) as channel:
            for _ in range(150):
                await channel.unary_unary(METHOD)(TENSORS, timeout=120)
                await asyncio.sleep(0.005)
                states.add(channel.get_state())
        assert grpc.ChannelConnectivity.IDLE in states, "the server has closed it"
        await doors.drain(1.0)

    asyncio.run(run())


def test_draining_what_was_never_opened() -> None:
    asyncio.run(server().drain(1.0))


def test_connections_above_the_limit_are_closed_until_there_is_room() -> None:
    async def run() -> None:
        doors = server(max_connections=2)
        await doors.open()
        first, second, third = (infer(doors.port) for _ in range(3))
        for channel in (first, second):
            await channel.unary_unary(METHOD)(TENSORS, timeout=120)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await third.unary_unary(METHOD)(TENSORS, timeout=120)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
        await first.close()
        await third.unary_unary(METHOD)(TENSORS, timeout=120, wait_for_ready=True)
        for channel in (second, third):
            await channel.close()
        await doors.drain(1.0)

    asyncio.run(run())


def test_a_watcher_of_the_health_does_not_delay_the_end() -> None:
    async def run() -> list[bytes]:
        doors = server()
        await doors.open()
        async with infer(doors.port) as channel:
            call = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=120)
            seen: list[bytes] = [await call.read()]
            # It would wait for a call in progress for as long as this.
            await doors.drain(110.0)
            while (raw := await call.read()) is not grpc.aio.EOF:
                seen.append(raw)
        return seen

    assert asyncio.run(run()) == [b"\x08\x01", b"\x08\x02"]
