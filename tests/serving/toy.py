"""A tiny app with a real ONNX model, and a maker of its version folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper

from serving.kernel.app import App
from serving.kernel.errors import Invalid
from serving.kernel.storage.version_files import encode_aliases, encode_golden, encode_manifest
from serving.kernel.storage.version_manifest import Aliases, GoldenRow, Manifest, digest_file, row_of
from serving.kernel.tensors import Arrays, TensorSpec


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    a: float
    b: float = 0.0


class Answer(msgspec.Struct, frozen=True):
    total: float


class Context(msgspec.Struct, frozen=True):
    shift: float = 0.0


def features(questions: Sequence[Question], context: Context) -> Arrays:
    for index, question in enumerate(questions):
        if question.a > 1e6:
            raise Invalid(f"[{index}].a", "must be at most 1000000")
    return {"features": np.array([[q.a + context.shift, q.b] for q in questions], np.float32)}


def decide(questions: Sequence[Question], outputs: Arrays, context: Context) -> list[Answer]:
    return [Answer(float(value)) for value in outputs["total"][:, 0]]


app: App[Question, Answer, Context] = App(
    name="toy",
    summary="Adds two numbers with weights.",
    question=Question,
    answer=Answer,
    context=Context,
    example=Question(1.0, 2.0),
    inputs=(TensorSpec("features", "FP32", (-1, 2)),),
    outputs=(TensorSpec("total", "FP32", (-1, 1)),),
    feature_names=("a", "b"),
    features=features,
    decide=decide,
)


def model(weights: Sequence[float] = (1.0, 1.0)) -> onnx.ModelProto:
    """total = features @ weights"""
    width = len(weights)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "weights"], ["total"])],
        "toy",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", width])],
        [helper.make_tensor_value_info("total", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor("weights", TensorProto.FLOAT, [width, 1], list(weights))],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write_version(
    root: Path, version: int, weights: Sequence[float] = (1.0, 1.0), context: Context | None = None
) -> Path:
    """Write a whole, consistent version folder."""
    context = context or Context()
    folder = root / "toy" / str(version)
    folder.mkdir(parents=True)
    onnx.save(model(weights), folder / "model.onnx")
    questions = [Question(float(i), float(-i) / 3) for i in range(8)]
    inputs = features(questions, context)
    outputs = {"total": inputs["features"] @ np.array(weights, np.float32).reshape(2, 1)}
    write_golden(folder, questions, inputs, outputs, decide(questions, outputs, context))
    write_manifest(folder, version, context)
    return folder


def write_golden(
    folder: Path, questions: Sequence[Any], inputs: Arrays, outputs: Arrays, answers: Sequence[Any]
) -> None:
    """Any app's golden rows, one per question."""
    golden = [
        GoldenRow(
            msgspec.Raw(msgspec.json.encode(question)),
            row_of(inputs, index),
            row_of(outputs, index),
            msgspec.Raw(msgspec.json.encode(answer)),
        )
        for index, (question, answer) in enumerate(zip(questions, answers, strict=True))
    ]
    (folder / "golden.jsonl").write_bytes(encode_golden(golden))


def write_manifest(
    folder: Path, version: int, context: msgspec.Struct | None = None, of: App[Any, Any, Any] = app
) -> None:
    """(Re)write the manifest of a version of an app with the digests of what is there."""
    names = sorted(path.name for path in folder.iterdir() if path.name != "manifest.json")
    manifest = Manifest(
        model=of.name,
        version=version,
        created="2026-01-01T00:00:00Z",
        run_id="run",
        inputs=of.inputs,
        outputs=of.outputs,
        feature_names=of.feature_names,
        context=msgspec.Raw(msgspec.json.encode(context or Context())),
        files={name: digest_file(folder / name) for name in names},
    )
    (folder / "manifest.json").write_bytes(encode_manifest(manifest))


def write_aliases(root: Path, champion: int | None, challenger: int | None = None) -> None:
    (root / "toy" / "aliases.json").write_bytes(encode_aliases(Aliases(champion, challenger)))
