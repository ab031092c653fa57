"""What the gRPC port describes of itself, and the messages of services whose stubs no installed package brings.

The descriptors live in a pool of their own: a program that also installs the official stubs can register the same
files in protobuf's default pool.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2
from tritonclient.grpc import service_pb2

__all__ = [
    "HEALTH",
    "INFERENCE",
    "POOL",
    "REFLECTION",
    "STATUSES",
    "HealthCheckRequest",
    "HealthCheckResponse",
]

INFERENCE = "inference.GRPCInferenceService"
HEALTH = "grpc.health.v1.Health"
REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
"""Clients ask for the first; older ones know only the second. Their messages are the same bytes."""
STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
"""The names of `HealthCheckResponse.ServingStatus`; the position is the number."""


def _health() -> FileDescriptorProto:
    """https://github.com/grpc/grpc/blob/master/doc/health-checking.md, without the method `List`."""
    package = HEALTH.rpartition(".")[0]
    made = FileDescriptorProto(name="grpc/health/v1/health.proto", package=package, syntax="proto3")
    one = FieldDescriptorProto.LABEL_OPTIONAL
    request = made.message_type.add(name="HealthCheckRequest")
    request.field.add(name="service", number=1, label=one, type=FieldDescriptorProto.TYPE_STRING)
    response = made.message_type.add(name="HealthCheckResponse")
    status = response.enum_type.add(name="ServingStatus")
    for number, name in enumerate(STATUSES):
        status.value.add(name=name, number=number)
    kind = f".{package}.HealthCheckResponse.ServingStatus"
    response.field.add(name="status", number=1, label=one, type=FieldDescriptorProto.TYPE_ENUM, type_name=kind)
    service = made.service.add(name="Health")
    for name in ("Check", "Watch"):
        service.method.add(
            name=name,
            input_type=f".{package}.HealthCheckRequest",
            output_type=f".{package}.HealthCheckResponse",
            server_streaming=name == "Watch",
        )
    return made


def _reflection_v1() -> FileDescriptorProto:
    """The reflection service of v1, which is v1alpha's under another name."""
    older = reflection_pb2.DESCRIPTOR.serialized_pb
    made = FileDescriptorProto.FromString(older)
    made.name = made.name.replace("v1alpha", "v1")
    made.package = made.package.replace("v1alpha", "v1")
    for message in made.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(".v1alpha.", ".v1.")
    for service in made.service:
        for method in service.method:
            method.input_type = method.input_type.replace(".v1alpha.", ".v1.")
            method.output_type = method.output_type.replace(".v1alpha.", ".v1.")
    return made


def _pool() -> DescriptorPool:
    made, known = DescriptorPool(), set[str]()

    def add(file: Any) -> None:
        for dependency in file.dependencies:
            add(dependency)
        if file.name not in known:
            known.add(file.name)
            made.AddSerializedFile(file.serialized_pb)

    add(service_pb2.DESCRIPTOR)
    add(reflection_pb2.DESCRIPTOR)
    for file in (_health(), _reflection_v1()):
        made.AddSerializedFile(file.SerializeToString())
    return made


POOL: Any = _pool()
HealthCheckRequest: Any = GetMessageClass(POOL.FindMessageTypeByName("grpc.health.v1.HealthCheckRequest"))
HealthCheckResponse: Any = GetMessageClass(POOL.FindMessageTypeByName("grpc.health.v1.HealthCheckResponse"))
