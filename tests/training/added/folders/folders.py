"""Folders in Triton's layout: a plain graph, Python code, and an ensemble of both."""

from __future__ import annotations

from pathlib import Path

from tests.training.added.models import linear

__all__ = ["LINEAR", "ensemble", "plain", "python", "repository", "write"]

LINEAR = """
name: "linear"
backend: "onnxruntime"
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [3] }
output { name: "y" data_type: TYPE_FP32 dims: [1] }
"""
TWICE = """
backend: "python"
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [3] }
output { name: "z" data_type: TYPE_FP32 dims: [1] }
"""
CALLS_LINEAR = """
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        x = pb.get_input_tensor_by_name(request, "x")
        asked = pb.InferenceRequest(model_name="linear", requested_output_names=["y"], inputs=[x]).exec()
        if asked.has_error():
            raise pb.TritonModelException(asked.error().message())
        y = pb.get_output_tensor_by_name(asked, "y").as_numpy()
        return pb.InferenceResponse([pb.Tensor("z", 2 * y)])
"""
WHOLE = """
platform: "ensemble"
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [3] }
output { name: "once" data_type: TYPE_FP32 dims: [1] }
output { name: "twice" data_type: TYPE_FP32 dims: [1] }
ensemble_scheduling {
  step {
    model_name: "linear" model_version: -1
    input_map { key: "x" value: "x" }
    output_map { key: "y" value: "once" }
  }
  step {
    model_name: "twice" model_version: -1
    input_map { key: "x" value: "x" }
    output_map { key: "z" value: "twice" }
  }
}
"""
SUMS = """
backend: "python"
max_batch_size: 0
input { name: "x" data_type: TYPE_FP32 dims: [2, -1] }
output { name: "sums" data_type: TYPE_FP32 dims: [2] label_filename: "labels.txt" }
output { name: "kind" data_type: TYPE_STRING dims: [1] }
"""
ADDS = """
import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        arrays = [pb.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        kind = pb.Tensor("kind", np.array(["row"], object))
        return [pb.InferenceResponse([pb.Tensor("sums", x.sum(axis=1)), kind]) for x in arrays]
"""
DICE = """
backend: "python"
max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: [1] }
output { name: "y" data_type: TYPE_FP32 dims: [1] }
"""
ROLLS = """
import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        arrays = [pb.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        return [
            pb.InferenceResponse([pb.Tensor("y", np.random.random(x.shape).astype(np.float32))]) for x in arrays
        ]
"""

CROSS = """
backend: "python"
max_batch_size: 4
dynamic_batching { }
input { name: "x" data_type: TYPE_FP32 dims: [1] }
output { name: "y" data_type: TYPE_FP32 dims: [1] }
output { name: "lost" data_type: TYPE_FP32 dims: [1] }
"""
ADDS_UP = """
import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        arrays = [pb.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        return [pb.InferenceResponse([pb.Tensor("y", np.full_like(x, x.sum()))]) for x in arrays]
"""


def write(folder: Path, config: str, **files: str) -> Path:
    """A folder with version 1; `model_py` is the content of `model.py`."""
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(config)
    for name, content in files.items():
        (folder / "1" / name.replace("_", ".")).write_text(content)
    return folder


def plain(root: Path, config: str = LINEAR, width: int = 3) -> Path:
    """The folder `linear`: y = x1 + 2 x2 + 3 x3."""
    folder = write(root / "linear", config)
    linear(folder / "1" / "model.onnx", width)
    return folder


def python(root: Path) -> Path:
    """The folder `sums`, of Python code without a row axis, with names for its sums."""
    folder = write(root / "sums", SUMS, model_py=ADDS)
    (folder / "labels.txt").write_text("first\nsecond\n")
    return folder


def ensemble(root: Path) -> Path:
    """The folder `whole`: a step of ONNX, and one of Python code that calls the first one's model."""
    plain(root)
    write(root / "twice", TWICE, model_py=CALLS_LINEAR)
    return write(root / "whole", WHOLE)


def repository(root: Path) -> Path:
    """All of them, `dice`, whose answers are random, and `cross`, whose rows are added up."""
    ensemble(root)
    python(root)
    write(root / "dice", DICE, model_py=ROLLS)
    write(root / "cross", CROSS, model_py=ADDS_UP)
    return root
