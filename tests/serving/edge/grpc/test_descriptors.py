from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from serving.edge.grpc.descriptors import HEALTH, INFERENCE, POOL, REFLECTION, STATUSES, HealthCheckResponse
from tests.serving.edge.conftest import Server

V1 = "grpc.reflection.v1.ServerReflection"
SERVICES = {INFERENCE, HEALTH, *REFLECTION}


def ask(server: Server, service: str, **question: Any) -> Any:
    """One question to reflection, with the messages of the asked version."""
    package = service.rpartition(".")[0]
    request, response = (
        GetMessageClass(POOL.FindMessageTypeByName(f"{package}.ServerReflection{kind}"))
        for kind in ("Request", "Response")
    )
    with grpc.insecure_channel(server.grpc) as channel:
        method = channel.stream_stream(
            f"/{service}/ServerReflectionInfo", request.SerializeToString, response.FromString
        )
        return next(method(iter([request(**question)]), timeout=60))


@pytest.mark.parametrize("service", REFLECTION)
def test_both_versions_of_reflection_list_the_services(server: Server, service: str) -> None:
    found = ask(server, service, list_services="*")
    assert {one.name for one in found.list_services_response.service} == SERVICES


@pytest.mark.parametrize("service", REFLECTION)
@pytest.mark.parametrize("symbol", sorted(SERVICES))
def test_each_service_is_described(server: Server, service: str, symbol: str) -> None:
    """As grpcurl does it: read the files, put them into a pool, look for the methods."""
    found = ask(server, service, file_containing_symbol=symbol)
    files = [FileDescriptorProto.FromString(raw) for raw in found.file_descriptor_response.file_descriptor_proto]
    pool = DescriptorPool()
    for file in sorted(files, key=lambda one: len(one.dependency)):
        pool.Add(file)
    assert pool.FindServiceByName(symbol).methods


def test_the_messages_of_health_are_those_of_the_standard() -> None:
    assert HealthCheckResponse(status=STATUSES.index("NOT_SERVING")).SerializeToString() == b"\x08\x02"
    methods = POOL.FindServiceByName(HEALTH).methods
    assert [(one.name, one.server_streaming) for one in methods] == [("Check", False), ("Watch", True)]


def test_version_1_of_reflection_refers_to_its_own_messages() -> None:
    for file in ("Request", "Response"):
        message = POOL.FindMessageTypeByName(f"grpc.reflection.v1.ServerReflection{file}")
        inner = [one.message_type.full_name for one in message.fields if one.message_type is not None]
        assert inner and all(name.startswith("grpc.reflection.v1.") for name in inner)
    assert POOL.FindServiceByName(V1).methods[0].input_type.full_name.startswith("grpc.reflection.v1.")
