"""Small classifiers as ONNX files, and as versions in a model repository.

Each has weights of its own: a dense layer of 32 between 12 columns and the probabilities of 3 classes.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from serving.kernel.storage.version_manifest import Aliases
from training.added.add import prepared
from training.added.build import Wanted
from training.progress import Silent
from training.publish import repository, servable

__all__ = ["COLUMNS", "LABELS", "name_of", "publish", "write_onnx"]

COLUMNS = tuple(f"c{index}" for index in range(12))
LABELS = ("low", "middle", "high")
HIDDEN = 32


def name_of(index: int) -> str:
    """The name of a model; they sort as their numbers."""
    return f"small{index:04}"


def write_onnx(path: Path, seed: int) -> Path:
    """Write a classifier with the weights of this seed."""
    random = np.random.default_rng(seed)
    first = random.normal(size=(len(COLUMNS), HIDDEN)).astype(np.float32)
    second = random.normal(size=(HIDDEN, len(LABELS))).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "second"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", len(COLUMNS)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", len(LABELS)])],
        [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def publish(root: Path, count: int) -> tuple[str, ...]:
    """Make a repository with so many models in place of what is there; returns their names.

    Each is inspected, proved and written as `slipway add` does it. Only the registry is left out: it would take
    minutes, and the gateway does not read it.
    """
    shutil.rmtree(root, ignore_errors=True)
    names = tuple(map(name_of, range(count)))
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as scratch:
        for seed, name in enumerate(names):
            _add(root, name, write_onnx(Path(scratch) / f"{name}.onnx", seed))
    return names


def _add(root: Path, name: str, path: Path) -> None:
    wanted = Wanted(name=name, path=path, source=path.name, columns=COLUMNS, labels=LABELS, triton=False)
    with prepared(wanted, Silent()) as made:
        manifest = msgspec.structs.replace(made.built.manifest, created="2026-01-01T00:00:00Z", run_id="benchmark")
        servable.seal(made.folder, manifest)
        batching = {"batching": {"max_rows": made.built.values.batching.max_rows}}
        repository.write_app_files(root, name, {"values.yaml": msgspec.yaml.encode(batching)})
        repository.publish(made.folder, root, name, 1)
    repository.set_aliases(root, name, Aliases(champion=1))
