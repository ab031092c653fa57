"""Version folders of a model that was added from a file: the toy app's graph, without the toy app."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx

from serving.kernel.added.app import added_app
from serving.kernel.added.columns import AddedContext, Column
from serving.kernel.storage.version_files import digest_folder, encode_manifest
from serving.kernel.storage.version_manifest import Manifest
from serving.kernel.tensors import TensorSpec
from tests.serving import toy

NAME = "sum"
INPUTS = (TensorSpec("features", "FP32", (-1, 2)),)
OUTPUTS = (TensorSpec("total", "FP32", (-1, 1)),)
AB = AddedContext(
    columns=(
        Column(name="a", tensor="features", position=0),
        Column(name="b", tensor="features", position=1, optional=True),
    ),
    example={"a": 1.0, "b": 2.0},
)


def manifest(context: AddedContext = AB, **fields: Any) -> Manifest:
    """The manifest of a version without files."""
    given: dict[str, Any] = {"model": NAME, "version": 1, "inputs": INPUTS, "outputs": OUTPUTS, **fields}
    return Manifest(
        added=True,
        created="2026-01-01T00:00:00Z",
        run_id="run",
        source="sum.onnx",
        feature_names=tuple(column.name for column in context.columns if column.position >= 0),
        context=msgspec.Raw(msgspec.json.encode(context)),
        **given,
    )


def write_version(root: Path, version: int, weights: Sequence[float] = (1.0, 1.0), names: str = "ab") -> Path:
    """Write a whole, consistent version with a weight for each letter of `names`, which are its columns."""
    columns = tuple(Column(name=name, tensor="features", position=at) for at, name in enumerate(names))
    context = AddedContext(columns=columns, example={name: float(at) for at, name in enumerate(names)})
    inputs = (TensorSpec("features", "FP32", (-1, len(names))),)
    made = manifest(context, version=version, inputs=inputs)
    folder = root / NAME / str(version)
    folder.mkdir(parents=True)
    (folder.parent / "values.yaml").write_text("batching: {max_rows: 8}\n")
    onnx.save(toy.model(weights), folder / "model.onnx")
    app = added_app(made, folder.parent)
    rows = [{name: i * (-0.5) ** at for at, name in enumerate(names)} for i in range(4)]
    questions = [msgspec.convert(row, app.question) for row in rows]
    features = app.features(questions, context)
    outputs = {"total": features["features"] @ np.array(weights, np.float32).reshape(-1, 1)}
    toy.write_golden(folder, questions, features, outputs, app.decide(questions, outputs, context))
    sealed = msgspec.structs.replace(made, files=digest_folder(folder))
    (folder / "manifest.json").write_bytes(encode_manifest(sealed))
    return folder
