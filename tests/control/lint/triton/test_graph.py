from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from control.lint.triton.graph import GraphError, Tensor, read_graph
from tests.control.lint.triton import corpus


def test_inputs_and_outputs_are_read_with_types_and_dims(tmp_path: Path) -> None:
    onnx.save(corpus._classifier(), tmp_path / "model.onnx")
    graph = read_graph(tmp_path / "model.onnx")
    assert graph.inputs == {"x": Tensor("TYPE_FP32", (-1, 3))}
    assert graph.outputs == {"label": Tensor("TYPE_INT64", (-1,)), "probabilities": Tensor("TYPE_FP32", (-1, 2))}
    assert (graph.overridable, graph.lost) == ({}, ())


def test_an_input_with_a_value_of_its_own_need_not_be_given(tmp_path: Path) -> None:
    model = corpus._weighted("n")
    model.graph.input.append(corpus._value("w", corpus.FLOAT, [3, 1]))
    onnx.save(model, tmp_path / "model.onnx")
    graph = read_graph(tmp_path / "model.onnx")
    assert (list(graph.inputs), list(graph.overridable)) == (["x"], ["w"])


def test_weights_beside_the_graph_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(corpus._outside().SerializeToString())
    assert read_graph(tmp_path / "model.onnx").lost == ("model.onnx.data",)
    (tmp_path / "model.onnx.data").write_bytes(bytes(12))
    assert read_graph(tmp_path / "model.onnx").lost == ()


def test_a_sequence_is_no_tensor(tmp_path: Path) -> None:
    onnx.save(corpus._zipped(), tmp_path / "model.onnx")
    assert read_graph(tmp_path / "model.onnx").outputs == {"y": Tensor("", None)}


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(100)])
def test_what_is_no_graph_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(GraphError, match="not an ONNX file"):
        read_graph(tmp_path / "model.onnx")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    whole = corpus._weighted("n").SerializeToString()
    (tmp_path / "model.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GraphError, match="not an ONNX file"):
        read_graph(tmp_path / "model.onnx")
