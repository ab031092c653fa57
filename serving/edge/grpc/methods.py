"""What each gRPC method does: a message to the data plane, and its answer to a message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from google.protobuf.json_format import ParseDict
from tritonclient.grpc import model_config_pb2 as config
from tritonclient.grpc import service_pb2 as pb

from serving.edge.codec.model_config import model_config
from serving.edge.codec.model_statistics import model_statistics
from serving.edge.codec.protobuf import decode_message, encode_message
from serving.edge.doors.v2 import EXTENSIONS, server_version
from serving.edge.request_life import RequestLife, parse_version, request_id_of
from serving.kernel.errors import NotFound
from serving.kernel.tensors import TensorSpec
from serving.models.dataplane import DataPlane

__all__ = ["SCOPES", "InferenceMethods", "Method"]

SCOPES: dict[str, str | None] = {
    "ServerLive": None,
    "ServerReady": None,
    "ServerMetadata": "",
    "ModelReady": "predict:{message.name}",
    "ModelMetadata": "predict:{message.name}",
    "ModelConfig": "predict:{message.name}",
    "ModelStatistics": "operations",
    "ModelInfer": "predict:{message.model_name}",
    "RepositoryIndex": "operations",
}
"""What a caller of each method needs."""

Method = Callable[[Any, RequestLife], Awaitable[Any]]


class InferenceMethods:
    """The methods of the Open Inference Protocol, and three of Triton's."""

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
            "ModelStatistics": self.model_statistics,
            "ModelInfer": self.model_infer,
            "RepositoryIndex": self.repository_index,
        }

    async def server_live(self, message: Any, request: RequestLife) -> Any:
        """The process answers."""
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, message: Any, request: RequestLife) -> Any:
        """Every app can answer."""
        return pb.ServerReadyResponse(ready=self.dataplane.ready())

    async def server_metadata(self, message: Any, request: RequestLife) -> Any:
        """Name, version and extensions of the server."""
        return pb.ServerMetadataResponse(name="slipway", version=server_version(), extensions=EXTENSIONS)

    async def model_ready(self, message: Any, request: RequestLife) -> Any:
        """One model, or one version of it, can answer; one that is unknown cannot."""
        version = parse_version(message.version)
        try:
            request.model = self.dataplane.app(message.name).name
            ready = self.dataplane.model_ready(message.name, version)
        except NotFound:
            ready = False
        return pb.ModelReadyResponse(ready=ready)

    async def model_metadata(self, message: Any, request: RequestLife) -> Any:
        """Names, types and shapes of a model's tensors."""
        found = self.dataplane.metadata(message.name, parse_version(message.version))
        request.model = found.name
        return pb.ModelMetadataResponse(
            name=found.name,
            versions=map(str, found.versions),
            platform=found.platform or found.backend,
            inputs=_described(found.inputs),
            outputs=_described(found.outputs),
        )

    async def model_config(self, message: Any, request: RequestLife) -> Any:
        """The same facts in Triton's form."""
        found = self.dataplane.metadata(message.name, parse_version(message.version))
        request.model = found.name
        made = model_config(found, self.dataplane.settings.max_rows)
        return pb.ModelConfigResponse(config=ParseDict(made, config.ModelConfig()))

    async def model_statistics(self, message: Any, request: RequestLife) -> Any:
        """What each loaded version of a model has done; of all models without a name."""
        found = self.dataplane.statistics(message.name, parse_version(message.version))
        request.model = message.name
        return ParseDict(model_statistics(found), pb.ModelStatisticsResponse())

    async def model_infer(self, message: Any, request: RequestLife) -> Any:
        """Tensors to tensors."""
        version = parse_version(message.model_version)
        app = self.dataplane.app(message.model_name, version)
        request.model = app.name
        if message.id and not request.named:
            request.call = msgspec.structs.replace(request.call, request_id=request_id_of(message.id))
        wanted = decode_message(app, message, self.dataplane.settings.max_rows)
        request.rows = wanted.rows
        request.version, outputs = self.dataplane.submit(request.call, app.name, version, wanted.inputs)
        return encode_message(app, wanted, await outputs, request.version, request.call.request_id)

    async def repository_index(self, message: Any, request: RequestLife) -> Any:
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
