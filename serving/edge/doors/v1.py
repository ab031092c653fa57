"""The KServe v1 door: typed records in, typed records out."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence
from typing import Any

import msgspec

from serving.edge.codec.records import decode_instances, encode_records
from serving.edge.http_types import Request, Response, parse_version
from serving.edge.router import Route, hot
from serving.models.dataplane import FALLBACK, DataPlane

__all__ = ["RecordDoor"]


class RecordDoor:
    """`/v1/...`."""

    def __init__(self, dataplane: DataPlane) -> None:
        self.dataplane = dataplane

    def routes(self) -> list[Route]:
        """Every route of this door, the busiest first."""
        return [
            hot("POST", "/v1/models/{model}:predict", self.ask, self.answer),
            hot("POST", "/v1/models/{model}/versions/{version}:predict", self.ask, self.answer),
            Route("POST", "/v1/models/{model}:explain", self.explain),
            Route("POST", "/v1/models/{model}/versions/{version}:explain", self.explain),
            Route("GET", "/v1/models/{model}", self.model),
            Route("GET", "/v1/models", self.models),
        ]

    def ask(self, request: Request) -> Future[list[Any]]:
        """Questions to the queue."""
        name, version, questions = self._read(request)
        request.version, answers = self.dataplane.ask(request.call, name, version, questions)
        return answers

    def answer(self, request: Request, answers: list[Any]) -> Response:
        """Answers to the caller."""
        return _records(request, "predictions", answers)

    async def explain(self, request: Request) -> Response:
        """Questions to what was behind their answers."""
        request.version, found = await self.dataplane.explain(request.call, *self._read(request))
        return _records(request, "explanations", found)

    async def models(self, request: Request) -> Response:
        """Names of the apps."""
        return Response(msgspec.json.encode({"models": [app.name for app in self.dataplane.apps()]}))

    async def model(self, request: Request) -> Response:
        """Whether one app can answer."""
        name = request.model = self.dataplane.app(request.params["model"]).name
        ready = self.dataplane.model_ready(name)
        return Response(msgspec.json.encode({"name": name, "ready": ready}), 200 if ready else 503)

    def _read(self, request: Request) -> tuple[str, int | None, list[Any]]:
        """The app, the version and the questions asked."""
        app = self.dataplane.app(request.params["model"])
        request.model = app.name
        version = parse_version(request.params.get("version"))
        questions = decode_instances(app.question, request.body, self.dataplane.settings.max_rows)
        request.rows = len(questions)
        return app.name, version, questions


def _records(request: Request, key: str, records: Sequence[Any]) -> Response:
    version = str(request.version) if request.version != FALLBACK else "fallback"
    body = encode_records(key, records, request.model, version, request.call.request_id)
    return Response(body, headers={"x-model-version": version})
