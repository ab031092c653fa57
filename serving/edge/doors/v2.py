"""The Open Inference Protocol v2 door over HTTP: the model's own tensors."""

from __future__ import annotations

from asyncio import Future
from functools import partial
from importlib import metadata
from typing import Any

import msgspec

from serving.edge.codec.binary_tensors import HEADER
from serving.edge.codec.envelopes import Envelopes
from serving.edge.codec.infer import decode_infer, encode_infer
from serving.edge.codec.model_config import model_config
from serving.edge.codec.model_statistics import SCHEMA, model_statistics
from serving.edge.doors.operation import (
    REF,
    REQUEST_HEADERS,
    Operation,
    answer,
    json_body,
    object_of,
    v2_errors,
)
from serving.edge.http.routes import HotRoute, Route
from serving.edge.request_life import Request, Response, parse_version, request_id_of
from serving.kernel.json_text import decode_json
from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.dataplane import DataPlane, IndexEntry

__all__ = ["EXTENSIONS", "SCHEMAS", "TensorDoor", "server_version"]

TENSORS = {"type": "array", "items": {"$ref": REF + "Tensor"}}
NAMES = {"model_name": {"type": "string"}, "model_version": {"type": "string"}, "id": {"type": "string"}}
SCHEMAS: dict[str, Any] = {
    "Tensor": {
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": {"type": "string"},
            "datatype": {"type": "string", "example": "FP32"},
            "shape": {"type": "array", "items": {"type": "integer"}, "example": [1, 4]},
            "parameters": {"type": "object"},
            "data": {
                "type": "array",
                "items": {},
                "description": "Flat or nested; null is NaN, and NaN and Infinity are read too.",
            },
        },
    },
    "InferRequest": {
        "type": "object",
        "required": ["inputs"],
        "properties": {"id": {"type": "string"}, "parameters": {"type": "object"}, "inputs": TENSORS},
    },
    "InferResponse": {"type": "object", "properties": {**NAMES, "outputs": TENSORS}},
    "ModelStatistics": SCHEMA,
}
"""The schemas that the operations refer to by name."""
STATE = object_of({"ready": {"type": "boolean"}})
MODEL_STATE = object_of({"name": {"type": "string"}, "ready": {"type": "boolean"}})
BINARY = "binary_tensor_data"
EXTENSIONS = ("model_configuration", "statistics")
"""What both doors offer beside the protocol. Of `model_repository` there is only the index, so it is not named."""
BINARY_TYPE = "application/octet-stream"
TAG = "Open Inference Protocol v2"


class IndexRequest(msgspec.Struct):
    """The optional body of a repository index request."""

    ready: bool = False


INDEX = msgspec.json.Decoder(IndexRequest)


def server_version() -> str:
    """The version of the installed distribution; `0` in a bare source tree."""
    try:
        return metadata.version("slipway")
    except metadata.PackageNotFoundError:
        return "0"


class TensorDoor:
    """`/v2/...`."""

    def __init__(self, dataplane: DataPlane) -> None:
        self.dataplane = dataplane
        self._envelopes = Envelopes()

    def routes(self) -> list[Route]:
        """Every route of this door, the busiest first."""
        model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
        config, statistics = "The model's configuration as Triton says it", "What its versions have done"
        ask, get = (
            partial(HotRoute, "POST", scope="predict:{model}"),
            partial(Route, "GET", scope="predict:{model}"),
        )
        watch = partial(Route, scope="operations")
        can_answer = partial(_readiness, summary="Whether it can answer", schema=MODEL_STATE)
        return [
            ask(f"{model}/infer", self.ask, self.answer, _infer("infer")),
            ask(f"{version}/infer", self.ask, self.answer, _infer("infer_version")),
            get(f"{model}/ready", self.model_ready, can_answer("model_ready")),
            get(f"{version}/ready", self.model_ready, can_answer("model_ready_version")),
            watch("GET", f"{model}/stats", self.statistics, _statistics("statistics", statistics)),
            watch("GET", f"{version}/stats", self.statistics, _statistics("statistics_version", statistics)),
            # Before the metadata, whose path fits too.
            watch("GET", "/v2/models/stats", self.statistics, _statistics("statistics_all", "What all have done")),
            get(model, self.metadata, _described("metadata", "Names, types and shapes")),
            get(version, self.metadata, _described("metadata_version", "Names, types and shapes")),
            get(f"{model}/config", self.config, _described("config", config)),
            get(f"{version}/config", self.config, _described("config_version", config)),
            get("/v2", self.server, _described("server_metadata", "Name, version and extensions"), scope=""),
            get("/v2/health/live", self.live, _described("live", "The process answers"), scope=None),
            get("/v2/health/ready", self.ready, _readiness("ready", "Every app can answer", STATE), scope=None),
            watch(
                "POST",
                "/v2/repository/index",
                self.index,
                _described("repository_index", "Every version with its state"),
            ),
        ]

    def ask(self, request: Request) -> Future[Arrays]:
        """Put the tensors into the queue."""
        version = parse_version(request.params.get("version"))
        app = self.dataplane.app(request.params["model"], version)
        request.model = app.name
        length = request.header(HEADER.encode())
        limit = self.dataplane.settings.max_rows
        wanted = decode_infer(app, request.body, length, limit, self._envelopes)
        # The version may be another one, or gone, when its outputs are there.
        request.tensors = app, wanted
        request.rows = wanted.rows
        if wanted.id and request.header(b"x-request-id") is None:
            request.call = msgspec.structs.replace(request.call, request_id=request_id_of(wanted.id))
        request.version, outputs = self.dataplane.submit(request.call, app.name, version, wanted.inputs)
        return outputs

    def answer(self, request: Request, outputs: Arrays) -> Response:
        """Encode the outputs."""
        app, wanted = request.tensors
        body, length = encode_infer(app, wanted, outputs, request.version, request.call.request_id)
        headers = {"x-model-version": str(request.version)}
        if length is None:
            return Response(body, headers=headers)
        return Response(body, 200, BINARY_TYPE, {**headers, HEADER: str(length)})

    async def server(self, request: Request) -> Response:
        """Name, version and extensions of the server."""
        return Response.json({"name": "slipway", "version": server_version(), "extensions": (BINARY, *EXTENSIONS)})

    async def live(self, request: Request) -> Response:
        """The process answers."""
        return Response.json({"live": True})

    async def ready(self, request: Request) -> Response:
        """Every app can answer."""
        ready = self.dataplane.ready()
        return Response.json({"ready": ready}, 200 if ready else 503)

    async def model_ready(self, request: Request) -> Response:
        """One model, or one version of it, can answer."""
        name = request.model = self.dataplane.app(request.params["model"]).name
        ready = self.dataplane.model_ready(name, parse_version(request.params.get("version")))
        return Response.json({"name": name, "ready": ready}, 200 if ready else 503)

    async def metadata(self, request: Request) -> Response:
        """Names, types and shapes of a model's tensors."""
        version = parse_version(request.params.get("version"))
        found = self.dataplane.metadata(request.params["model"], version)
        request.model = found.name
        return Response.json(
            {
                "name": found.name,
                "versions": [str(number) for number in found.versions],
                "platform": found.platform or found.backend,
                "inputs": [_tensor(spec) for spec in found.inputs],
                "outputs": [_tensor(spec) for spec in found.outputs],
            }
        )

    async def config(self, request: Request) -> Response:
        """The same facts in Triton's form."""
        found = self.dataplane.metadata(request.params["model"], parse_version(request.params.get("version")))
        request.model = found.name
        return Response.json(model_config(found, self.dataplane.settings.max_rows))

    async def statistics(self, request: Request) -> Response:
        """Triton's statistics of each loaded version of a model, or of all models."""
        model = request.params.get("model", "")
        found = self.dataplane.statistics(model, parse_version(request.params.get("version")))
        request.model = model
        return Response.json(model_statistics(found))

    async def index(self, request: Request) -> Response:
        """Every version in the repository with its state."""
        wanted = decode_json(INDEX, request.body) if request.body.strip() else IndexRequest()
        entries = [_entry(entry) for entry in self.dataplane.index() if entry.state == "READY" or not wanted.ready]
        return Response.json(entries)


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def _entry(entry: IndexEntry) -> dict[str, str]:
    return {"name": entry.name, "version": str(entry.version), "state": entry.state, "reason": entry.reason}


def _infer(name: str) -> Operation:
    return Operation(
        name=f"v2_{name}",
        tag=TAG,
        summary="Tensors to tensors",
        parameters=REQUEST_HEADERS,
        body=json_body({"$ref": REF + "InferRequest"}),
        answers={"200": answer("Tensors to tensors.", {"$ref": REF + "InferResponse"}), **v2_errors()},
    )


def _readiness(name: str, summary: str, schema: dict[str, Any]) -> Operation:
    failures = {
        status: found for status, found in v2_errors().items() if status == "404" and schema is MODEL_STATE
    }
    answers = {"200": answer("It can.", schema), "503": answer("It cannot now.", schema), **failures}
    return Operation(name=f"v2_{name}", tag=TAG, summary=summary, answers=answers)


def _statistics(name: str, summary: str) -> Operation:
    answers = {"200": answer(f"{summary}.", {"$ref": REF + "ModelStatistics"}), **v2_errors()}
    return Operation(name=f"v2_{name}", tag=TAG, summary=summary, answers=answers)


def _described(name: str, summary: str) -> Operation:
    return Operation(
        name=f"v2_{name}", tag=TAG, summary=summary, answers={"200": answer(f"{summary}.", {}), **v2_errors()}
    )
