from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from serving.edge.grpc.descriptors import INFERENCE, STATUSES, HealthCheckRequest, HealthCheckResponse
from serving.edge.grpc.health import Health
from tests.serving.edge.conftest import Server
from tests.serving.edge.toy import ToyPlane

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"


def check(channel: Any, service: str) -> str:
    raw = channel.unary_unary(CHECK)(HealthCheckRequest(service=service).SerializeToString(), timeout=60)
    return STATUSES[HealthCheckResponse.FromString(raw).status]


def failed(server: Server, raw: bytes) -> Any:
    with grpc.insecure_channel(server.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(CHECK)(raw, timeout=60)
    return caught.value


@pytest.mark.parametrize("service", ["", INFERENCE, "grpc.health.v1.Health", "toy"])
def test_it_agrees_with_the_readiness_of_the_inference_protocol(server: Server, service: str) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        for ready in (True, False):
            server.plane.is_ready = ready
            try:
                assert check(channel, service) == ("SERVING" if ready else "NOT_SERVING")
                assert GRPCInferenceServiceStub(channel).ServerReady(pb.ServerReadyRequest()).ready is ready
            finally:
                server.plane.is_ready = True


def test_an_unknown_service_is_not_found(server: Server) -> None:
    error = failed(server, HealthCheckRequest(service="nosuch").SerializeToString())
    assert error.code() == grpc.StatusCode.NOT_FOUND
    assert "nosuch" in error.details() and "toy" in error.details()


def test_bytes_that_are_no_message(server: Server) -> None:
    error = failed(server, b"\xff\xff")
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "Check takes" in error.details()
    with grpc.insecure_channel(server.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        list(channel.unary_stream(WATCH)(b"\xff\xff", timeout=60))
    refused: Any = caught.value
    assert refused.code() == grpc.StatusCode.INVALID_ARGUMENT and "Watch takes" in refused.details()


def test_a_check_is_recorded(server: Server) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        check(channel, "toy")
    assert any(record.route == CHECK and record.status == 200 for record in server.recorder.records)


def test_a_watcher_is_told_of_each_change(server: Server) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        states = channel.unary_stream(WATCH)(HealthCheckRequest(service="toy").SerializeToString(), timeout=60)
        try:
            assert HealthCheckResponse.FromString(next(states)).status == STATUSES.index("SERVING")
            server.plane.is_ready = False
            assert HealthCheckResponse.FromString(next(states)).status == STATUSES.index("NOT_SERVING")
        finally:
            server.plane.is_ready = True
            states.cancel()


def test_a_watcher_learns_that_the_server_stops_and_goes() -> None:
    async def run() -> list[str]:
        health, seen = Health(ToyPlane()), []
        async for raw in health.watch(""):
            seen.append(STATUSES[HealthCheckResponse.FromString(raw).status])
            health.close()
        return seen

    assert asyncio.run(run()) == ["SERVING", "NOT_SERVING"]


def test_a_watcher_of_an_unknown_service_stays() -> None:
    """The service may come later, so the protocol asks for an answer and not for an error."""

    async def run() -> str:
        async for raw in Health(ToyPlane()).watch("nosuch"):
            return STATUSES[HealthCheckResponse.FromString(raw).status]
        return "nothing"

    assert asyncio.run(run()) == "SERVICE_UNKNOWN"
