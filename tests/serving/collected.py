"""A tiny app that keeps a collection: lots in a few words, searched by the letters they share with a question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import onnx
from msgspec import Meta
from onnx import TensorProto, helper

from serving.kernel.app import App
from serving.kernel.collection import EMBEDDING, Collection
from serving.kernel.errors import Invalid
from serving.kernel.storage.version_manifest import ENCODER_NAME, digest_file
from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.backends.encoder import OnnxEncoder
from tests.serving import toy

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDTH = len(LETTERS)


class Lot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    text: Annotated[str, Meta(min_length=1, max_length=100)]
    kind: str | None = None
    size: Annotated[float, Meta(gt=0, le=100)] | None = None


class Want(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    kind: str | None = None
    lots: tuple[Lot, ...] | None = None


class Found(msgspec.Struct, frozen=True):
    ids: tuple[str, ...]
    count: float


class Context(msgspec.Struct, frozen=True):
    pass


def letters(texts: Sequence[str]) -> Arrays:
    return {"letters": np.array([[text.count(one) for one in LETTERS] for text in texts], np.float32)}


def features(questions: Sequence[Want], context: Context) -> Arrays:
    for row, question in enumerate(questions):
        if question.lots is None:
            raise Invalid(f"[{row}].lots", "is missing")
    return {"features": np.array([[len(question.lots or ())] for question in questions], np.float32)}


def decide(questions: Sequence[Want], outputs: Arrays, context: Context) -> list[Found]:
    return [
        Found(tuple(lot.id for lot in question.lots or ()), float(count))
        for question, count in zip(questions, outputs["count"][:, 0], strict=True)
    ]


collection: Collection[Want, Lot] = Collection(
    name="lots",
    record=Lot,
    example=Lot("one", "abc"),
    inputs=(TensorSpec("letters", "FP32", (-1, WIDTH)),),
    width=WIDTH,
    of_records=lambda records: letters([record.text for record in records]),
    of_questions=lambda questions: letters([question.text for question in questions]),
    record_keys=lambda record: (record.kind, None),
    question_keys=lambda question: (question.kind, None),
    candidates=3,
    is_short=lambda question: question.lots is None,
    complete=lambda question, records: msgspec.structs.replace(question, lots=tuple(records)),
)
app: App[Want, Found, Context] = App(
    name="lotter",
    summary="Finds lots.",
    question=Want,
    answer=Found,
    context=Context,
    example=Want("abc", lots=(Lot("one", "abc"),)),
    inputs=(TensorSpec("features", "FP32", (-1, 1)),),
    outputs=(TensorSpec("count", "FP32", (-1, 1)),),
    feature_names=("count",),
    features=features,
    decide=decide,
    collection=collection,
    package="tests.serving",
)


def encoder_graph(weights: Sequence[float] = (1.0,) * WIDTH) -> onnx.ModelProto:
    """Letter counts times weights, of length 1."""
    nodes = [
        helper.make_node("Mul", ["letters", "weights"], ["weighted"]),
        helper.make_node("ReduceL2", ["weighted", "axis"], ["long"], keepdims=1),
        helper.make_node("Add", ["long", "tiny"], ["length"]),
        helper.make_node("Div", ["weighted", "length"], [EMBEDDING]),
    ]
    made = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("letters", TensorProto.FLOAT, ["rows", WIDTH])],
        [helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["rows", WIDTH])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, [WIDTH], list(weights)),
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            helper.make_tensor("tiny", TensorProto.FLOAT, [], [1e-6]),
        ],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def open_encoder(folder: Path, weights: Sequence[float] = (1.0,) * WIDTH) -> OnnxEncoder:
    path = folder / ENCODER_NAME
    onnx.save(encoder_graph(weights), path)
    return OnnxEncoder(app, path, digest_file(path).sha256)


def write_version(root: Path, version: int, weights: Sequence[float] | None = (1.0,) * WIDTH) -> Path:
    """A whole version folder; without `weights` one without an encoder."""
    folder = root / app.name / str(version)
    folder.mkdir(parents=True)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["features"], ["count"])],
        "count",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor_value_info("count", TensorProto.FLOAT, ["rows", 1])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), folder / "model.onnx"
    )
    if weights is not None:
        onnx.save(encoder_graph(weights), folder / ENCODER_NAME)
    inputs = features([app.example], Context())
    outputs = {"count": inputs["features"]}
    toy.write_golden(folder, [app.example], inputs, outputs, decide([app.example], outputs, Context()))
    toy.write_manifest(folder, version, Context(), app)
    return folder
