"""The gRPC door: `inference.GRPCInferenceService` on grpc.aio, the state of the server, and reflection.

Requests arrive as bytes and are parsed here, so that bytes that are not protobuf get a clear INVALID_ARGUMENT and
every method goes through the same few lines for id, deadline, errors and the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection, reflection_pb2
from tritonclient.grpc import service_pb2 as pb

from serving.edge.error_responses import grpc_code
from serving.edge.grpc.descriptors import HEALTH, INFERENCE, POOL, REFLECTION, HealthCheckRequest
from serving.edge.grpc.health import Health
from serving.edge.grpc.methods import SCOPES, InferenceMethods, Method
from serving.edge.identity.callers import Callers
from serving.edge.request_life import RequestFactory, RequestLife
from serving.kernel.errors import Malformed, SlipwayError
from serving.models.dataplane import DataPlane
from serving.observe.request_record import Observer

__all__ = ["GrpcDoor"]


@dataclass(frozen=True, slots=True)
class _Rpc:
    """One method of a service: its names, how its message is parsed, and the function that answers it."""

    service: str
    name: str
    parse: Callable[[bytes], Any]
    method: Method
    scope: str | None
    """What a caller needs, with fields of the message in it; "" asks for any identity, None for none."""

    @property
    def route(self) -> str:
        return f"/{self.service}/{self.name}"


class GrpcDoor:
    """The methods of the services over the data plane. Others answer UNIMPLEMENTED and say why."""

    def __init__(
        self, dataplane: DataPlane, observer: Observer | None = None, callers: Callers | None = None
    ) -> None:
        """`callers`: as for `RequestFactory`."""
        self.methods = InferenceMethods(dataplane)
        self._health = Health(dataplane)
        self._requests = RequestFactory(dataplane.settings, observer, callers)

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """The handlers for a grpc.aio server, one for each service."""
        return (self._inference(), self._state(), *_reflection())

    def close(self) -> None:
        """End the calls that last until the server stops."""
        self._health.close()

    def _inference(self) -> grpc.GenericRpcHandler:
        service = pb.DESCRIPTOR.services_by_name[INFERENCE.rpartition(".")[2]]
        table = self.methods.table()
        handlers = {}
        for method in service.methods:
            name, work = method.name, table.get(method.name)
            if work is None:
                handlers[name] = _refusal(method)
            else:
                parse = GetMessageClass(method.input_type).FromString
                handlers[name] = self._unary(_Rpc(INFERENCE, name, parse, work, SCOPES[name]))
        return grpc.method_handlers_generic_handler(INFERENCE, handlers)

    def _state(self) -> grpc.GenericRpcHandler:
        check = _Rpc(HEALTH, "Check", HealthCheckRequest.FromString, self._health.check, None)
        watch = grpc.unary_stream_rpc_method_handler(self._watch)
        return grpc.method_handlers_generic_handler(HEALTH, {"Check": self._unary(check), "Watch": watch})

    async def _watch(self, raw: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            message = HealthCheckRequest.FromString(raw)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, _not_a_message(raw, "Watch"))
        async for state in self._health.watch(message.service):
            yield state

    def _unary(self, rpc: _Rpc) -> grpc.RpcMethodHandler:
        async def serve(raw: bytes, context: Any) -> bytes:
            return await self._serve(rpc, raw, context)

        return grpc.unary_unary_rpc_method_handler(serve)

    async def _serve(self, rpc: _Rpc, raw: bytes, context: Any) -> bytes:
        request, headers = self._arrived(rpc, context)
        failure: SlipwayError | None = None
        answer = b""
        try:
            self._requests.identify(request, headers)
            message = _parse(rpc, raw)
            if rpc.scope is not None:
                request.identity.require(rpc.scope.format(message=message))
            answer = (await rpc.method(message, request)).SerializeToString()
        except asyncio.CancelledError:
            request.leave()
            raise
        except Exception as cause:  # noqa: BLE001  the edge: whatever it is, the caller gets a status
            failure = request.fail(cause)
        request.end(200)
        trailing: tuple[tuple[str, str], ...] = (("x-request-id", request.call.request_id),)
        if request.version:
            trailing += (("x-model-version", str(request.version)),)
        if request.identity.meter is not None:
            trailing += tuple(request.identity.meter.headers().items())
        if failure is None:
            context.set_trailing_metadata(trailing)
            return answer
        await context.abort(grpc_code(failure), failure.message, trailing)
        raise failure  # abort has raised already

    def _arrived(self, rpc: _Rpc, context: Any) -> tuple[RequestLife, dict[bytes, bytes]]:
        headers = {name.encode(): _bytes(value) for name, value in context.invocation_metadata() or ()}
        left, settings = context.time_remaining(), self._requests.settings
        longest = settings.max_timeout_ms / 1000
        allowed = settings.default_timeout_ms / 1000 if left is None else min(left, longest)
        return self._requests.grpc(rpc.name, rpc.route, headers, _host(context.peer()), allowed), headers


def _parse(rpc: _Rpc, raw: bytes) -> Any:
    try:
        return rpc.parse(raw)
    except DecodeError as cause:
        raise Malformed(_not_a_message(raw, rpc.name)) from cause


def _not_a_message(raw: bytes, method: str) -> str:
    return f"the {len(raw)} bytes are not the protobuf message that {method} takes"


def _refusal(method: Any) -> grpc.RpcMethodHandler:
    text = (
        f"{method.name} is not offered; versions are managed by the model repository, tensors travel in messages"
    )

    async def refuse(_request: Any, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)
        return b""  # abort has raised already

    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(refuse)
    return grpc.unary_unary_rpc_method_handler(refuse)


def _reflection() -> tuple[grpc.GenericRpcHandler, ...]:
    """With reflection, clients such as grpcurl need no .proto file."""
    servicer = reflection.aio.ReflectionServicer((INFERENCE, HEALTH, *REFLECTION), POOL)
    # The messages of v1 are those of v1alpha under another name, so one parser reads both.
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return tuple(
        grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method}) for name in REFLECTION
    )


def _bytes(value: str | bytes) -> bytes:
    return value.encode("latin-1", "replace") if isinstance(value, str) else value


def _host(peer: str) -> str:
    """`ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000` without its port."""
    return peer.partition(":")[2].rpartition(":")[0]
