"""What a model's rows are, and which models no plan can be made for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.training.added.models import linear, node, save, value
from training.added.errors import AddError
from training.added.graphs.engine import open_run
from training.added.graphs.read import read_graph
from training.added.plan import Overrides, Plan, make_plan, rows_of

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
Shape = list[int | str | None]


def planned(path: Path, overrides: Overrides = Overrides()) -> Plan:  # noqa: B008 - it is frozen
    graph = read_graph(path)
    return make_plan(graph, rows_of(graph, overrides), open_run(path, optimised=False))


def sum_of(path: Path, shapes: dict[str, Shape], output: Shape) -> Path:
    """y = the sum of the inputs."""
    inputs = [value(name, FLOAT, shape) for name, shape in shapes.items()]
    return save(path, [node("Sum", list(shapes), ["y"])], inputs, [value("y", FLOAT, output)])


@pytest.mark.parametrize(
    ("shapes", "shape", "why"),
    [
        ({"x": ["time", "batch", 2]}, (-1, -1, -1, 2), "no batch axis"),
        ({"x": ["time", "batch_size", 2], "h": [1, "batch_size", 2]}, (-1, -1, -1, 2), "no batch axis"),
        ({"x": ["batch", "time", 2]}, (-1, -1, 2), ""),
        ({"x": ["n", "m", 2]}, (-1, -1, 2), ""),
    ],
)
def test_a_batch_that_is_not_in_front_is_none(
    tmp_path: Path, shapes: dict[str, Shape], shape: tuple[int, ...], why: str
) -> None:
    plan = planned(sum_of(tmp_path / "m.onnx", shapes, list(shapes["x"])))
    assert plan.inputs[0].shape == plan.outputs[0].shape == shape
    assert why in plan.alone and bool(why) == bool(plan.alone)


def test_the_user_knows_better_where_the_batch_is(tmp_path: Path) -> None:
    path = sum_of(tmp_path / "m.onnx", {"x": ["time", "batch", 2]}, ["time", "batch", 2])
    assert planned(path, Overrides(batch=True)).inputs[0].shape == (-1, -1, 2)


@pytest.mark.parametrize(
    ("shape", "given", "said"),
    [
        (["n", 3], (-1, 0), "the size of axis 1 must be 1 or more, or -1 for any, not 0"),
        (["n", 3], (-1, -7), "the size of axis 1 must be 1 or more, or -1 for any, not -7"),
        (["n", 3], (-1, 3, 1), "has 3 axes, and the model's input has 2: x"),
        (["n", 3], (-1, 4), "axis 1 has the size 3 in the model, not 4"),
        (["n", 2**40], (), "a row of the input 'x' has 1099511627776 values; at most"),
        (["n", *[1] * 40], (), "the input 'x' has 41 axes; at most 31"),
    ],
)
def test_shapes_that_cannot_be_are_explained(
    tmp_path: Path, shape: Shape, given: tuple[int, ...], said: str
) -> None:
    overrides = Overrides(inputs={"x": given}) if given else Overrides()
    with pytest.raises(AddError, match=said):
        planned(sum_of(tmp_path / "m.onnx", {"x": shape}, shape), overrides)


def test_a_number_beside_the_rows_adds_no_axis_to_their_answers(tmp_path: Path) -> None:
    plan = planned(sum_of(tmp_path / "m.onnx", {"x": ["n", 2], "shift": []}, ["n", 2]))
    assert [spec.shape for spec in (*plan.inputs, *plan.outputs)] == [(-1, 2), (-1,), (-1, 2)]
    assert (plan.add_to_inputs, plan.add_to_outputs) == (("shift",), ())


@pytest.mark.parametrize(("operator", "ragged"), [("MatMul", True), ("Add", False)])
def test_lengths_of_several_inputs_agree_unless_the_graph_takes_others(
    tmp_path: Path, operator: str, ragged: bool
) -> None:
    path = save(
        tmp_path / "m.onnx",
        [node("Transpose", ["b"], ["t"], perm=[0, 2, 1]), node(operator, ["a", "t" if ragged else "b"], ["y"])],
        [value("a", FLOAT, ["n", "s", 2]), value("b", FLOAT, ["n", "t", 2])],
        [value("y", FLOAT, ["n", None, None])],
    )
    assert planned(path).ragged == ragged


def test_integers_that_an_operator_cannot_take_are_left_out(tmp_path: Path) -> None:
    path = save(
        tmp_path / "m.onnx",
        [node("Div", ["top", "x"], ["y"])],
        [value("x", INT, ["n", 2])],
        [value("y", INT, ["n", 2])],
        {"top": np.array([7, 7])},
    )
    assert planned(path).kind.name == "1"


@pytest.mark.parametrize(
    ("nodes", "constants", "said"),
    [
        (
            [node("Add", ["x", "nothing"], ["y"])],
            {"nothing": np.array(np.nan, np.float32)},
            "gives no number, only NaN or infinity, with made-up rows; give some with --sample",
        ),
        (
            [node("RandomUniformLike", ["x"], ["r"]), node("Add", ["x", "r"], ["y"])],
            {},
            "output 'y' of the same row is another one each time, because of RandomUniformLike",
        ),
        (
            [node("Expand", ["x", "size"], ["y"])],
            {"size": np.array([1, 9_000_000])},
            "an answer has 9,000,000 values; at most 8,388,608 are supported",
        ),
        (
            [node("Reshape", ["x", "size"], ["y"])],
            {"size": np.array([-1, 7])},
            "does not run with made-up rows; give some with --sample: .*Reshape",
        ),
    ],
)
def test_a_model_without_a_usable_answer_is_refused(
    tmp_path: Path, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], said: str
) -> None:
    path = save(tmp_path / "m.onnx", nodes, [value("x", FLOAT, ["n", 1])], [value("y", FLOAT, None)], constants)
    with pytest.raises(AddError, match=said):
        planned(path)


def test_an_output_without_numbers_beside_one_that_has_some_is_served(tmp_path: Path) -> None:
    path = save(
        tmp_path / "m.onnx",
        [node("Neg", ["x"], ["y"]), node("Mul", ["x", "nothing"], ["z"])],
        [value("x", FLOAT, ["n", 2])],
        [value("y", FLOAT, ["n", 2]), value("z", FLOAT, ["n", 2])],
        {"nothing": np.array(np.nan, np.float32)},
    )
    assert [spec.name for spec in planned(path).outputs] == ["y", "z"]


def test_what_the_engine_says_comes_without_its_source_files(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.graph.node[0].op_type = "Wobble"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(
        AddError, match=r"No Op registered for Wobble .*export the model with standard op"
    ) as caught:
        planned(path)
    assert str(tmp_path) not in str(caught.value) and "onnxruntime_src" not in str(caught.value)
