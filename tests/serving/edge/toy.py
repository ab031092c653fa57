"""A small data plane in memory: one app of records and tensors, one model with a tensor of every datatype."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from serving.edge.codec.datatypes import DATATYPES
from serving.kernel.app import App
from serving.kernel.call import Call
from serving.kernel.errors import BackendFailed, DeadlineExceeded, Invalid, NotFound, NotReady, Overloaded
from serving.kernel.settings import Settings
from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.dataplane import DataPlane, IndexEntry, ModelMetadata
from serving.observe.request_record import RequestRecord


class Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    price: Annotated[float, Meta(gt=0, le=1e6, description="INR per quintal")]
    note: str = ""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    horizon: Annotated[int, Meta(ge=1, le=30, description="Trading days ahead")]
    history: Annotated[list[Day], Meta(min_length=1, max_length=400)]
    market: Annotated[str, Meta(min_length=1, max_length=40)] = "Kolar"


class Answer(msgspec.Struct, frozen=True):
    price: float


class Explanation(msgspec.Struct, frozen=True):
    parts: dict[str, float]


class Context(msgspec.Struct, frozen=True):
    pass


EXAMPLE = Question(7, [Day(100.0), Day(101.5)])
MARKETS = ("Kolar", "sleep", "crash", "busy", "cold", "broken")


def features(questions: Sequence[Question], context: Context) -> Arrays:
    for index, question in enumerate(questions):
        if question.market not in MARKETS:
            raise Invalid(f"[{index}].market", f"{question.market!r} is not known; allowed: {', '.join(MARKETS)}")
    return {"features": np.array([[q.history[-1].price, q.horizon] for q in questions], np.float32)}


def decide(questions: Sequence[Question], outputs: Arrays, context: Context) -> list[Answer]:
    return [Answer(float(value)) for value in outputs["total"][:, 0]]


toy: App[Question, Answer, Context] = App(
    name="toy",
    summary="Adds two numbers.",
    question=Question,
    answer=Answer,
    context=Context,
    example=EXAMPLE,
    inputs=(TensorSpec("features", "FP32", (-1, 2)),),
    outputs=(TensorSpec("total", "FP32", (-1, 1)),),
    feature_names=("price", "horizon"),
    features=features,
    decide=decide,
    explanation=Explanation,
)
every: App[Question, Answer, Context] = App(
    name="every",
    summary="Gives back what it takes, in every datatype.",
    question=Question,
    answer=Answer,
    context=Context,
    example=EXAMPLE,
    inputs=tuple(TensorSpec(f"in_{name}", name, (-1, 2)) for name in DATATYPES),
    outputs=tuple(TensorSpec(f"out_{name}", name, (-1, 2)) for name in DATATYPES),
    feature_names=(),
    features=features,
    decide=decide,
    triton_platform="",
    triton_backend="python",
)


@dataclass
class ToyPlane(DataPlane):
    """Versions 1 to 3 of each app. A market's name or a feature's value makes things go wrong on purpose."""

    settings: Settings = field(default_factory=lambda: Settings(http_port=0, grpc_port=0, max_body_bytes=2**20))
    is_ready: bool = True
    cancelled: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)

    def app(self, model: str, version: int | None = None) -> App[Any, Any, Any]:
        for app in self.apps():
            if app.name == model and model not in self.removed:
                return app
        raise NotFound(f"no model {model[:64]!r}; there are every, toy")

    def apps(self) -> tuple[App[Any, Any, Any], ...]:
        return (every, toy)

    def models(self) -> Container[object]:
        return {app.name for app in self.apps()}

    def ready(self) -> bool:
        return self.is_ready

    def model_ready(self, model: str, version: int | None = None) -> bool:
        self._version(model, version)
        return self.is_ready

    def metadata(self, model: str, version: int | None = None) -> ModelMetadata:
        self._version(model, version)
        app = self.app(model)
        return ModelMetadata(app.name, (1, 2, 3), app.triton_platform, app.triton_backend, app.inputs, app.outputs)

    def index(self) -> list[IndexEntry]:
        return [IndexEntry("toy", 3, "READY"), IndexEntry("toy", 4, "UNAVAILABLE", "digest of model.onnx differs")]

    def ask(
        self, call: Call, model: str, version: int | None, questions: Sequence[Any]
    ) -> tuple[int, asyncio.Future[list[Any]]]:
        number = self._version(model, version)
        self.calls.append(call)
        return number, asyncio.ensure_future(self._predict(call, questions))

    async def _predict(self, call: Call, questions: Sequence[Any]) -> list[Any]:
        await self._mood(call, {question.market for question in questions})
        outputs = self._run(features(questions, Context()))
        return decide(questions, outputs, Context())

    async def explain(
        self, call: Call, model: str, version: int | None, questions: Sequence[Any]
    ) -> tuple[int, list[Any]]:
        number = self._version(model, version)
        if self.app(model).explanation is None:
            raise NotFound(f"{model} does not explain its answers")
        features(questions, Context())
        return number, [Explanation({"price": 1.0}) for _ in questions]

    def submit(
        self, call: Call, model: str, version: int | None, inputs: Arrays
    ) -> tuple[int, asyncio.Future[Arrays]]:
        number = self._version(model, version)
        self.calls.append(call)
        return number, asyncio.ensure_future(self._infer(call, model, inputs))

    async def _infer(self, call: Call, model: str, inputs: Arrays) -> Arrays:
        if model == "every":
            return {name.replace("in_", "out_"): array for name, array in inputs.items()}
        await self._mood(call, {MARKETS[int(code)] for code in inputs["features"][:, 1] if code < 0})
        return self._run(inputs)

    def _version(self, model: str, version: int | None) -> int:
        self.app(model)
        if version not in (None, 1, 2, 3):
            raise NotFound(f"{model} has no version {version}; there are 1, 2, 3")
        return version or 3

    def _run(self, inputs: Arrays) -> Arrays:
        return {"total": inputs["features"].sum(axis=1, keepdims=True, dtype=np.float32)}

    async def _mood(self, call: Call, moods: set[str]) -> None:
        if "crash" in moods:
            raise RuntimeError("secret of the house")
        if "busy" in moods:
            raise Overloaded("the queue is full", retry_after=2)
        if "cold" in moods:
            raise NotReady("no verified version is loaded")
        if "broken" in moods:
            raise BackendFailed("the model could not be run")
        if "sleep" in moods:
            try:
                async with asyncio.timeout(call.remaining()):
                    await asyncio.sleep(30)
            except TimeoutError as cause:
                raise DeadlineExceeded("the deadline passed before the answer was there") from cause
            except asyncio.CancelledError:
                self.cancelled.append(call.request_id)
                raise


@dataclass
class Recorder:
    """An observer that remembers."""

    records: list[RequestRecord] = field(default_factory=list)
    running: int = 0

    def started(self, door: str) -> None:
        self.running += 1

    def finished(self, record: RequestRecord) -> None:
        self.running -= 1
        self.records.append(record)
