"""What each gRPC method does: message to data plane to message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from tritonclient.grpc import model_config_pb2 as config
from tritonclient.grpc import service_pb2 as pb

from serving.edge.codec.protobuf import decode_message, encode_message
from serving.edge.doors.v2 import EXTENSIONS, server_version
from serving.edge.http_types import parse_version, request_id_of
from serving.kernel.call import Call
from serving.kernel.tensors import TensorSpec
from serving.models.dataplane import DataPlane

__all__ = ["Exchange", "InferenceMethods", "Method"]


@dataclass(slots=True)
class Exchange:
    """One call's facts; the methods fill in what the record shall show."""

    call: Call
    own_id: bool
    """Whether the caller sent `x-request-id`; else the message's own id counts."""
    model: str = ""
    version: int = 0
    rows: int = 0


Method = Callable[[Any, Exchange], Awaitable[Any]]


class InferenceMethods:
    """The methods of the Open Inference Protocol, and two of Triton's."""

    def __init__(self, dataplane: DataPlane) -> None:
        self.dataplane = dataplane

    def table(self) -> dict[str, Method]:
        """Method names to functions."""
        return {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ServerMetadata": self.server_metadata,
            "ModelReady": self.model_ready,
            "ModelMetadata": self.model_metadata,
            "ModelConfig": self.model_config,
            "ModelInfer": self.model_infer,
            "RepositoryIndex": self.repository_index,
        }

    async def server_live(self, message: Any, exchange: Exchange) -> Any:
        """The process answers."""
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, message: Any, exchange: Exchange) -> Any:
        """Every app can answer."""
        return pb.ServerReadyResponse(ready=self.dataplane.ready())

    async def server_metadata(self, message: Any, exchange: Exchange) -> Any:
        """Name, version and extensions of the server."""
        return pb.ServerMetadataResponse(name="slipway", version=server_version(), extensions=EXTENSIONS[1:])

    async def model_ready(self, message: Any, exchange: Exchange) -> Any:
        """One model, or one version of it, can answer."""
        exchange.model = self.dataplane.app(message.name).name
        return pb.ModelReadyResponse(
            ready=self.dataplane.model_ready(message.name, parse_version(message.version))
        )

    async def model_metadata(self, message: Any, exchange: Exchange) -> Any:
        """Names, types and shapes of a model's tensors."""
        found = self.dataplane.metadata(message.name, parse_version(message.version))
        exchange.model = found.name
        return pb.ModelMetadataResponse(
            name=found.name,
            versions=map(str, found.versions),
            platform=found.platform,
            inputs=_described(found.inputs),
            outputs=_described(found.outputs),
        )

    async def model_config(self, message: Any, exchange: Exchange) -> Any:
        """The same facts in Triton's form."""
        found = self.dataplane.metadata(message.name, parse_version(message.version))
        exchange.model = found.name
        # Triton leaves the row axis out of a config's dims; max_batch_size stands for it.
        inputs = [
            config.ModelInput(name=spec.name, data_type=_triton_type(spec), dims=spec.shape[1:])
            for spec in found.inputs
        ]
        outputs = [
            config.ModelOutput(name=spec.name, data_type=_triton_type(spec), dims=spec.shape[1:])
            for spec in found.outputs
        ]
        return pb.ModelConfigResponse(
            config=config.ModelConfig(
                name=found.name,
                platform=found.platform,
                max_batch_size=self.dataplane.settings.max_rows,
                input=inputs,
                output=outputs,
            )
        )

    async def model_infer(self, message: Any, exchange: Exchange) -> Any:
        """Tensors to tensors."""
        app = self.dataplane.app(message.model_name)
        exchange.model = app.name
        version = parse_version(message.model_version)
        if message.id and not exchange.own_id:
            exchange.call = msgspec.structs.replace(exchange.call, request_id=request_id_of(message.id))
        asked = decode_message(app, message, self.dataplane.settings.max_rows)
        exchange.rows = asked.rows
        exchange.version, outputs = self.dataplane.submit(exchange.call, app.name, version, asked.inputs)
        return encode_message(app, asked, await outputs, exchange.version, exchange.call.request_id)

    async def repository_index(self, message: Any, exchange: Exchange) -> Any:
        """Every version in the repository with its state."""
        answer = pb.RepositoryIndexResponse()
        for entry in self.dataplane.index():
            if entry.state == "READY" or not message.ready:
                answer.models.add(
                    name=entry.name, version=str(entry.version), state=entry.state, reason=entry.reason
                )
        return answer


def _described(specs: Iterable[TensorSpec]) -> list[Any]:
    kind = pb.ModelMetadataResponse.TensorMetadata
    return [kind(name=spec.name, datatype=spec.datatype, shape=spec.shape) for spec in specs]


def _triton_type(spec: TensorSpec) -> Any:
    return config.DataType.Value("TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}")
