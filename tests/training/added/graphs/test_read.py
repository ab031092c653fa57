"""Files that cannot be served are refused with what they are and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tests.training.added.models import linear, node, save, value
from training.added.errors import AddError
from training.added.graphs.engine import open_run
from training.added.graphs.read import read_graph

FLOAT = TensorProto.FLOAT


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"", "is empty"),
        (b"\x80\x04\x95", "a Python pickle"),
        (b"PK\x03\x04", "a zip file"),
        (b"\x89HDF\r\n", "HDF5"),
        (b'{"learner": {}}', "JSON, such as XGBoost writes"),
        (b"tree\nversion=v4", "LightGBM"),
        (b"CBM1", 'format="onnx"'),
        (b"version https://git-lfs", "git lfs pull"),
        (b"<html>login</html>", "a web page or XML; download the file itself"),
        (b"\x1f\x8b\x08\x00", "compressed with gzip; unpack it first"),
        (b"GGUF\x03\x00", "a language model in GGUF"),
        (b"\x89PNG\r\n", "a picture"),
        (b"\x1c\x00\x00\x00TFL3", "TensorFlow Lite"),
        (b'\x50\x00\x00\x00\x00\x00\x00\x00{"w":', "weights in safetensors, without a graph"),
        (b"\x00" * 64, "is not ONNX"),
        (b"name,value\n1,2\n", "is not ONNX"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, start: bytes, said: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(start)
    with pytest.raises(AddError, match=re.escape(said)):
        read_graph(path)


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    """Where the rest is a whole model, too, the engine misses what is gone."""
    path = linear(tmp_path / "m.onnx")
    whole = path.read_bytes()
    model = onnx.load(path)
    del model.opset_import[1]
    unharmed = len(model.SerializeToString())
    for size in set(range(len(whole))) - {unharmed}:
        path.write_bytes(whole[:size])
        with pytest.raises(AddError, match=r"is empty|is not ONNX|has 0 (in|out)puts|cannot open the model"):
            open_run(read_graph(path).path)


def test_a_node_without_outputs_is_left_to_the_engine(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.graph.node.add(op_type="ZipMap", domain="ai.onnx.ml", input=["y"])
    path.write_bytes(model.SerializeToString())
    assert read_graph(path).notes == ()


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(AddError, match="cannot be read: No such file"):
        read_graph(tmp_path / "m.onnx")


def test_operators_and_opsets_that_no_engine_has_are_named(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.opset_import[0].version = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(AddError, match=r"uses opset 99; at most \d+ is supported"):
        read_graph(path)
    model.opset_import[0].version = 18
    model.opset_import.append(helper.make_opsetid("acme", 1))
    model.graph.node[0].domain = "acme"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(AddError, match="uses the operators MatMul of acme"):
        read_graph(path)


@pytest.mark.parametrize("place", ["/etc/passwd", "../weights.bin", "a/../../b", ""])
def test_weights_are_read_from_beside_the_file_only(tmp_path: Path, place: str) -> None:
    path = linear(tmp_path / "m.onnx", 64)
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(AddError, match="must be beside the file"):
        read_graph(path)


def test_missing_and_linked_weights_are_refused(tmp_path: Path) -> None:
    beside = {"save_as_external_data": True, "location": "m.bin", "size_threshold": 10}
    path = linear(tmp_path / "m.onnx", 64, **beside)
    weights = (tmp_path / "m.bin").rename(tmp_path / "elsewhere")
    with pytest.raises(AddError, match=r"weights in m\.bin, which is missing"):
        read_graph(path)
    (tmp_path / "m.bin").symlink_to(weights)
    with pytest.raises(AddError, match=r"weights in m\.bin"):
        read_graph(path)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"length": "3000000000"}, r"m\.bin has 256 bytes; m\.onnx has weights in it up to byte 3,000,000,000"),
        ({"offset": "200", "length": "256"}, "up to byte 456. Copy the whole file"),
        ({"length": "many"}, "the place of weights in another file is not a number"),
    ],
)
def test_weights_that_end_early_are_refused(tmp_path: Path, entries: dict[str, str], said: str) -> None:
    beside = {"save_as_external_data": True, "location": "m.bin", "size_threshold": 10}
    path = linear(tmp_path / "m.onnx", 64, **beside)
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    tensor.ClearField("external_data")
    for key, content in {"location": "m.bin", **entries}.items():
        tensor.external_data.add(key=key, value=content)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(AddError, match=said):
        read_graph(path)


def test_a_file_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.ir_version = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(AddError, match=r"has version 99 of the file format; at most \d+ is supported"):
        read_graph(path)


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        ({"x": [0, 3]}, ["y"], r"input .x. has the shape \[0, 3\], which holds no value"),
        ({"x": ["n", 3]}, ["y", "y"], "has the output .y. twice; rename one in the model"),
        ({"x": ["n", 3]}, [], "has 0 outputs; between 1 and 1000"),
        ({}, ["y"], "has 0 inputs; between 1 and 1000"),
        ({"x\n": ["n", 3]}, ["y"], "needs a name of 1 to 200 printable characters"),
        ({'x"': ["n", 3]}, ["y"], "characters without quotation marks and backslashes"),
        ({"x\\": ["n", 3]}, ["y"], "characters without quotation marks and backslashes"),
        ({"x" * 201: ["n", 3]}, ["y"], "needs a name of 1 to 200 printable characters"),
        ({"": ["n", 3]}, ["y"], "needs a name of 1 to 200 printable characters"),
    ],
)
def test_tensors_that_no_request_can_have_are_refused(
    tmp_path: Path, inputs: dict[str, list[int | str]], outputs: list[str], said: str
) -> None:
    path = save(
        tmp_path / "m.onnx",
        [node("Neg", [next(iter(inputs), "c")], ["y"])],
        [value(name, FLOAT, shape) for name, shape in inputs.items()],
        [value(name, FLOAT, ["n", 3]) for name in outputs],
        {"c": [1.0]},
    )
    with pytest.raises(AddError, match=said):
        read_graph(path)


def test_ten_thousand_outputs_are_too_many(tmp_path: Path) -> None:
    names = [f"y{index}" for index in range(10_000)]
    path = save(
        tmp_path / "m.onnx",
        [node("Identity", ["x"], [name]) for name in names],
        [value("x", FLOAT, ["n", 1])],
        [value(name, FLOAT, ["n", 1]) for name in names],
    )
    with pytest.raises(AddError, match="has 10000 outputs; between 1 and 1000"):
        read_graph(path)


def test_values_that_are_no_tensors_are_refused(tmp_path: Path) -> None:
    path = save(
        tmp_path / "m.onnx",
        [node("SequenceConstruct", ["x"], ["s"])],
        [value("x", FLOAT, ["n", 1])],
        [helper.make_tensor_sequence_value_info("s", FLOAT, None)],
    )
    with pytest.raises(AddError, match=r"output 's' is of the kind sequence"):
        read_graph(path)


def test_shapes_are_read_as_the_graph_says_them(tmp_path: Path) -> None:
    graph = read_graph(linear(tmp_path / "m.onnx"))
    assert [(item.name, item.datatype, item.shape) for item in (*graph.inputs, *graph.outputs)] == [
        ("x", "FP32", ("n", 3)),
        ("y", "FP32", ("n", 1)),
    ]


def test_a_loop_anywhere_makes_the_time_of_a_run_unsteady(tmp_path: Path) -> None:
    assert not read_graph(linear(tmp_path / "m.onnx")).unsteady
    model = onnx.load(tmp_path / "m.onnx")
    inner = helper.make_graph([node("Range", ["a", "b", "c"], ["d"])], "inner", [], [value("d", FLOAT, None)])
    model.graph.node.append(node("If", ["flag"], ["z"], then_branch=inner, else_branch=inner))
    (tmp_path / "if.onnx").write_bytes(model.SerializeToString())
    assert read_graph(tmp_path / "if.onnx").unsteady
    model = onnx.load(tmp_path / "m.onnx")
    body = [node("Tile", ["a", "n"], ["b"])]
    model.functions.append(
        helper.make_function("own", "Many", ["a", "n"], ["b"], body, [helper.make_opsetid("", 18)])
    )
    (tmp_path / "own.onnx").write_bytes(model.SerializeToString())
    assert read_graph(tmp_path / "own.onnx").unsteady


def test_names_that_are_not_text_are_damage(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes().replace(b"MatMul", b"Mat\xfful"))
    with pytest.raises(AddError, match=r"m\.onnx is damaged: it has names that are not text"):
        read_graph(path)


def test_a_type_that_nobody_knows_is_named_by_its_number(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.elem_type = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(AddError, match=r"input 'x' has the type 99; supported: BF16"):
        read_graph(path)
