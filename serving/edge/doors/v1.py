"""The KServe v1 door: typed records in, typed records out."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from serving.edge.codec.records import decode_instances, encode_records
from serving.edge.doors.operation import (
    REQUEST_HEADERS,
    AnyApp,
    Operation,
    References,
    answer,
    array_of,
    json_body,
    object_of,
    problem,
    problems,
)
from serving.edge.http.routes import HotRoute, Route
from serving.edge.request_life import Request, Response, parse_version
from serving.kernel.errors import NotFound
from serving.models.dataplane import FALLBACK, DataPlane

__all__ = ["RecordDoor"]

FACTS = {"model_name": {"type": "string"}, "model_version": {"type": "string"}, "request_id": {"type": "string"}}
TAG = "operations"
STATE = object_of({"name": {"type": "string"}, "ready": {"type": "boolean"}})
MODEL = Operation(
    name="v1_model",
    tag=TAG,
    summary="Whether one app can answer",
    answers={
        "200": answer("It can.", STATE),
        "404": problem(NotFound),
        "503": answer("It cannot now.", STATE),
    },
)
MODELS = Operation(
    name="v1_models",
    tag=TAG,
    summary="Names of the apps",
    answers={"200": answer("Names of the apps.", object_of({"models": array_of({"type": "string"})}))},
)


class RecordDoor:
    """`/v1/...`."""

    def __init__(self, dataplane: DataPlane) -> None:
        self.dataplane = dataplane

    def routes(self) -> list[Route]:
        """Every route of this door, the busiest first."""
        model, version = "/v1/models/{model}", "/v1/models/{model}/versions/{version}"
        scope = "predict:{model}"
        predict, explain = partial(_predict, suffix="_version"), partial(_explain, suffix="_version")
        return [
            HotRoute("POST", f"{model}:predict", self.ask, self.answer, _predict, scope=scope),
            HotRoute("POST", f"{version}:predict", self.ask, self.answer, predict, scope=scope),
            Route("POST", f"{model}:explain", self.explain, _explain, scope=scope),
            Route("POST", f"{version}:explain", self.explain, explain, scope=scope),
            Route("GET", model, self.model, MODEL, scope=scope),
            Route("GET", "/v1/models", self.models, MODELS, scope=""),
        ]

    def ask(self, request: Request) -> Future[list[Any]]:
        """Put the questions into the queue."""
        name, version, questions = self._read(request)
        request.version, answers = self.dataplane.ask(request.call, name, version, questions)
        return answers

    def answer(self, request: Request, answers: list[Any]) -> Response:
        """Encode the answers."""
        return _records(request, "predictions", answers)

    async def explain(self, request: Request) -> Response:
        """Explain the answers to the questions."""
        request.version, found = await self.dataplane.explain(request.call, *self._read(request))
        return _records(request, "explanations", found)

    async def models(self, request: Request) -> Response:
        """Names of the apps."""
        return Response.json({"models": [app.name for app in self.dataplane.apps()]})

    async def model(self, request: Request) -> Response:
        """Whether one app can answer."""
        name = request.model = self.dataplane.app(request.params["model"]).name
        ready = self.dataplane.model_ready(name)
        return Response.json({"name": name, "ready": ready}, 200 if ready else 503)

    def _read(self, request: Request) -> tuple[str, int | None, list[Any]]:
        """The app, the version and the questions of the request."""
        version = parse_version(request.params.get("version"))
        app = self.dataplane.app(request.params["model"], version)
        request.model = app.name
        questions = decode_instances(app.instance, request.body, self.dataplane.settings.max_rows)
        request.rows = len(questions)
        return app.name, version, questions


def _records(request: Request, key: str, records: Sequence[Any]) -> Response:
    version = str(request.version) if request.version != FALLBACK else "fallback"
    body = encode_records(key, records, request.model, version, request.call.request_id)
    return Response(body, headers={"x-model-version": version})


def _predict(app: AnyApp, references: References, suffix: str = "") -> Operation:
    return _described(app, references, f"predict{suffix}", app.summary, "predictions", references[app.answer])


def _instance(app: AnyApp, references: References) -> dict[str, Any]:
    """The schema of a question: an object, and for a model without an app also an array."""
    if app.positional is None:
        return references[app.question]
    array = msgspec.json.schema(app.positional)
    return {"anyOf": [references[app.question], array]}


def _explain(app: AnyApp, references: References, suffix: str = "") -> Operation | None:
    if app.explanation is None:
        return None
    summary = f"What is behind the answers of {app.name}"
    return _described(app, references, f"explain{suffix}", summary, "explanations", references[app.explanation])


def _described(
    app: AnyApp, references: References, verb: str, summary: str, key: str, record: dict[str, Any]
) -> Operation:
    question = {
        "type": "object",
        "required": ["instances"],
        "additionalProperties": False,
        "properties": {"instances": array_of(_instance(app, references), minItems=1)},
    }
    records = {"type": "object", "required": [key, *FACTS], "properties": {key: array_of(record), **FACTS}}
    return Operation(
        name=f"{app.name}_{verb}",
        tag=app.name,
        summary=summary,
        parameters=REQUEST_HEADERS,
        body=json_body(question, {"instances": [msgspec.to_builtins(app.example)]}),
        answers={"200": answer("One record per instance, in order.", records), **problems()},
    )
