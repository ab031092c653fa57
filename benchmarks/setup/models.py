"""The three ONNX files every contestant runs, made the same way each time and kept until the way changes."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.setup import envs
from benchmarks.setup.place import BenchmarkError, Place
from serving.kernel.app import App
from serving.kernel.find_app import find_app
from serving.kernel.tensors import Arrays
from training.onnx import export
from training.onnx.trees import tree_node

__all__ = ["MODELS", "app_of", "make", "sample"]

SEED = 7
LAYERS = (50, 32, 8, 32, 50)
TREES = 500
ROWS = 20_000
EXPORTER = Path(__file__).parents[1] / "peers" / "minilm_export.py"


def app_of(name: str) -> App[Any, Any, Any]:
    """The app of a benchmark's model, or of the price app. Raises `LookupError`."""
    return find_app(f"benchmarks.apps.{name}" if name in MODELS else name)


def make(name: str, place: Place, say: envs.Say) -> Path:
    """The model's .onnx file. Raises `BenchmarkError` when its environment cannot be made."""
    path = place.folder("models", _digest()) / f"{name}.onnx"
    if not path.exists():
        say(f"making the model {name}")
        partial = path.with_suffix(".partial")
        MODELS[name](partial, place, say)
        export.check(app_of(name), onnx.load(partial))
        partial.rename(path)
    return path


def sample(name: str, rows: int) -> Arrays:
    """Model inputs for requests: always the same ones."""
    generator = np.random.default_rng(SEED)
    arrays: Arrays = {}
    for spec in app_of(name).inputs:
        shape = (rows, *spec.shape[1:])
        if spec.name == "mask":
            arrays[spec.name] = np.ones(shape, np.int64)
        elif spec.datatype == "INT64":
            arrays[spec.name] = generator.integers(1000, 30000, shape)
        else:
            # Four digits, as sensors give them; a client does not send seventeen.
            arrays[spec.name] = generator.normal(size=shape).round(4).astype(np.float32)
    return arrays


def _autoencoder(path: Path, place: Place, say: envs.Say) -> None:
    """50-32-8-32-50, ReLU between the layers."""
    generator = np.random.default_rng(SEED)
    nodes, weights, before = [], [], "x"
    for layer, (wide, narrow) in enumerate(zip(LAYERS[:-1], LAYERS[1:], strict=True)):
        last = layer == len(LAYERS) - 2
        matrix = generator.normal(0, np.sqrt(2 / wide), (wide, narrow)).astype(np.float32)
        bias = generator.normal(0, 0.1, narrow).astype(np.float32)
        weights += [
            numpy_helper.from_array(matrix, f"weight{layer}"),
            numpy_helper.from_array(bias, f"bias{layer}"),
        ]
        after = "output" if last else f"sum{layer}"
        nodes.append(helper.make_node("Gemm", [before, f"weight{layer}", f"bias{layer}"], [after]))
        if not last:
            before = f"active{layer}"
            nodes.append(helper.make_node("Relu", [after], [before]))
    _save("autoencoder", nodes, weights, path)


def _xgb500(path: Path, place: Place, say: envs.Say) -> None:
    """A regressor with squared error on a made-up target, as training exports it."""
    import xgboost

    generator = np.random.default_rng(SEED)
    rows: npt.NDArray[np.float32] = generator.normal(size=(ROWS, 25)).astype(np.float32)
    target = (
        rows[:, 0] * rows[:, 1] + np.sin(3 * rows[:, 2]) + rows[:, 3:8].sum(axis=1) + generator.normal(size=ROWS)
    )
    # One thread: sums in another order would make other trees.
    parameters = {"objective": "reg:squarederror", "max_depth": 6, "eta": 0.05, "seed": SEED, "nthread": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(rows, target), TREES)
    _save("xgb500", [tree_node(booster, "x", "output")], [], path)


def _minilm(path: Path, place: Place, say: envs.Say) -> None:
    python = envs.ensure("export", place, say)
    done = subprocess.run([str(python), str(EXPORTER), str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"the sentence embedder could not be exported:\n{done.stderr[-2000:]}")


MODELS: dict[str, Callable[[Path, Place, envs.Say], None]] = {
    "autoencoder": _autoencoder,
    "xgb500": _xgb500,
    "minilm": _minilm,
}
"""Name -> what writes the file."""


def _save(name: str, nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto], path: Path) -> None:
    app = app_of(name)
    (given,), (made,) = app.inputs, app.outputs
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(given.name, TensorProto.FLOAT, ["n", *given.shape[1:]])],
        [helper.make_tensor_value_info(made.name, TensorProto.FLOAT, ["n", *made.shape[1:]])],
        weights,
    )
    operators = [helper.make_opsetid("", export.OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=operators, ir_version=10)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _digest() -> str:
    """Changes when the way models are made changes."""
    sources = (Path(__file__), EXPORTER, envs.requirements("export"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
