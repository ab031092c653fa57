from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from serving.models.backends.engine_errors import rejection, words_of
from serving.models.backends.onnx_session import ENGINE_ERRORS
from tests.serving.models import models
from tests.serving.models.models import node, save


def text_of(path: Path, x: Any, *, stopped: bool = False) -> str:
    """What ONNX Runtime says of a run that fails."""
    options = ort.RunOptions()
    options.terminate = stopped
    with pytest.raises(ENGINE_ERRORS) as caught:
        ort.InferenceSession(path).run(None, {"x": x}, options)
    return str(caught.value)


def categories(path: Path) -> Path:
    encoder = node("OneHotEncoder", "x", domain="ai.onnx.ml", cats_strings=["a", "b"], zeros=0)
    return save(path, [encoder], ("BYTES", "FP32"))


def pairs(path: Path) -> Path:
    nodes = [node("Reshape", "x shape")]
    return save(path, nodes, constants={"shape": np.array([-1, 2])})


def product(path: Path) -> Path:
    return save(path, [node("MatMul", "x w")], constants={"w": np.ones((4, 1), np.float32)})


def sizes(path: Path) -> Path:
    """y has as many elements as x says."""
    return save(path, [node("Reshape", "x one", "sizes"), node("Expand", "w sizes")], ("INT64", "FP32"), SIZES)


SIZES = {"w": np.float32([1]), "one": np.array([1])}
FLOATS = np.zeros((1, 3), np.float32)


@pytest.mark.parametrize(
    ("make", "x", "reason"),
    [
        (models.table, np.array([[99]]), "Gather reports: indices element out of data bounds, idx=99 must be"),
        (categories, np.array([["c"]], object), "OneHotEncoder reports: Unknown Category and zeros = 0."),
        (
            pairs,
            FLOATS,
            "Reshape reports: The input tensor cannot be reshaped to the requested shape. Input shape:{1",
        ),
        (product, FLOATS, "MatMul reports: MatMul dimension mismatch"),
        (sizes, np.array([[-5]]), "Expand reports: Tensor shape.Size() must be >= 0"),
    ],
)
def test_values_that_an_operator_refuses_are_rejected_in_its_own_words(
    tmp_path: Path, make: Callable[[Path], Path], x: Any, reason: str
) -> None:
    rejected = rejection(text_of(make(tmp_path / "m.onnx"), x))
    assert rejected is not None and rejected.reason.startswith(f"its node {reason}")
    assert "/" not in rejected.reason and "\n" not in rejected.reason and "onnxruntime" not in str(rejected)


def test_shapes_that_the_file_does_not_take_are_rejected(tmp_path: Path) -> None:
    rejected = rejection(text_of(models.negate(tmp_path / "m.onnx"), np.zeros(3, np.float32)))
    assert rejected is not None and rejected.reason.startswith(
        "ONNX Runtime reports: Invalid rank for input: x Got: 1"
    )


def test_faults_of_the_engine_are_nobodys_values(tmp_path: Path) -> None:
    memory = text_of(sizes(tmp_path / "m.onnx"), np.array([[2**45]]))
    assert "while running Expand node" in memory and rejection(memory) is None
    assert rejection(text_of(models.negate(tmp_path / "n.onnx"), FLOATS, stopped=True)) is None
    assert rejection(text_of(models.negate(tmp_path / "n.onnx"), np.zeros((1, 3)))) is None, "a type of ours"
    lost = "Non-zero status code returned while running MatMul node. Name:'a' Status Message: "
    assert rejection(f"{lost}CUBLAS failure 14: CUBLAS_STATUS_INTERNAL_ERROR ; GPU=0") is None
    assert rejection(f"{lost}CUDA error cudaErrorLaunchFailure:unspecified launch failure") is None
    named = rejection(lost.replace("'a'", "'/alloc/it's'") + "dimension mismatch")
    assert named is not None and named.reason == "its node MatMul reports: dimension mismatch"
    assert named.node == "/alloc/it's"


def test_of_graphs_in_graphs_the_innermost_operator_reports() -> None:
    outer = "Non-zero status code returned while running If node. Name:'' Status Message: "
    inner = outer.replace("If", "Gather") + "/build/core/gather.cc:12 void f(int) i < n was false. idx=9 is out"
    rejected = rejection(f"[ONNXRuntimeError] : 1 : FAIL : {outer}{inner}")
    assert rejected is not None and rejected.reason == "its node Gather reports: idx=9 is out"
    named = rejection(outer.replace("''", "'outer'") + inner.replace("''", "'inner'"))
    assert named is not None and named.node == "outer", "inner names may be those of outer nodes"


def test_words_are_one_short_line_without_paths() -> None:
    assert words_of("/srv/models/churn/1/model.onnx:\n  is gone") == "model.onnx: is gone"
    assert len(words_of("word " * 1000)) == 300
