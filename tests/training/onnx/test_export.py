from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tests.serving import collected
from tests.training import toy
from training.onnx.export import OPSET, ExportError, assemble, check, save, save_encoder
from training.onnx.trees import tree_node


def linear() -> onnx.ModelProto:
    model = toy.graph(helper.make_node("MatMul", ["features", "w"], ["y"]))
    model.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [1.0, 2.0]))
    return model


def test_a_good_graph_is_written_the_same_each_time(tmp_path: Path) -> None:
    save(toy.app, linear(), tmp_path / "a.onnx")
    save(toy.app, linear(), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = model.graph.node[0].input[0] = "rows"


def fix_rows(model: onnx.ModelProto) -> None:
    for item in (model.graph.input[0], model.graph.output[0]):
        item.type.tensor_type.shape.dim[0].ClearField("dim_param")
        item.type.tensor_type.shape.dim[0].dim_value = 8


def make_double(model: onnx.ModelProto) -> None:
    model.graph.node[0].output[0] = "single"
    model.graph.node.append(helper.make_node("Cast", ["single"], ["y"], to=TensorProto.DOUBLE))
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def more_outputs(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["y"], ["z"]))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["rows", 1]))


def wide(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3
    model.graph.initializer[0].CopyFrom(helper.make_tensor("w", TensorProto.FLOAT, [3, 1], [1.0, 2.0, 3.0]))


def newer(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 21


def outside(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def unknown(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "MatMull"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (rename_input, "inputs are"),
        (fix_rows, "fixed row axis"),
        (make_double, "declares FP32"),
        (more_outputs, "outputs are"),
        (wide, "declares \\[-1, 2\\]"),
        (newer, "opset"),
        (unknown, "not valid ONNX"),
        (outside, "another file|not valid ONNX"),
    ],
)
def test_a_graph_that_breaks_the_promise_is_refused(spoil: Callable[[onnx.ModelProto], None], words: str) -> None:
    model = linear()
    spoil(model)
    with pytest.raises(ExportError, match=words):
        check(toy.app, model)


def test_an_encoder_is_checked_like_a_model(tmp_path: Path) -> None:
    path = tmp_path / "encoder.onnx"
    save_encoder(collected.app, collected.encoder_graph(), path)
    assert path.stat().st_size
    with pytest.raises(ExportError, match="lotter, encoder: inputs are"):
        save_encoder(collected.app, linear(), path)
    with pytest.raises(ExportError, match="toy has no collection"):
        save_encoder(toy.app, collected.encoder_graph(), path)


def test_a_model_is_assembled_from_nodes_and_constants() -> None:
    value = helper.make_tensor_value_info
    model = assemble(
        "toy",
        [
            helper.make_node("MatMul", ["features", "w"], ["scaled"]),
            helper.make_node("Add", ["scaled", "b"], ["y"]),
        ],
        [value("features", TensorProto.FLOAT, ["row", 2])],
        [value("y", TensorProto.FLOAT, ["row", 1])],
        {"w": np.array([[1, 2]], np.float32).T, "b": np.array(3, np.float32)},
    )
    check(toy.app, model)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, {"features": np.array([[10, 20]], np.float32)})
    assert found.tolist() == [[53.0]]


def test_a_model_of_trees_asks_for_their_operators() -> None:
    model = assemble(
        "toy",
        [tree_node(toy.local_booster(rounds=2), "features", "y")],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["row", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["row", 1])],
    )
    check(toy.app, model)
    assert [opset.domain for opset in model.opset_import] == ["", "ai.onnx.ml"]
