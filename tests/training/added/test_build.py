"""Models of many shapes are inspected, proved and written as they are to be served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto

from serving.kernel.storage.version_files import decode_golden
from tests.training.added.models import classifier as numbered
from tests.training.added.models import linear, node, save, value
from training.added.build import Built, Wanted, build
from training.added.errors import AddError
from training.added.plan import Overrides
from training.progress import Silent

FLOAT, INT, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def built(path: Path, tmp_path: Path, **wanted: Any) -> Built:
    """Without Triton: tests of parity through it are few."""
    folder = tmp_path / "servable"
    folder.mkdir()
    return build(Wanted(name="m", path=path, source=path.name, triton=False, **wanted), folder, Silent())


def golden(tmp_path: Path) -> list[Any]:
    return decode_golden((tmp_path / "servable" / "golden.jsonl").read_bytes())


def test_a_plain_model_keeps_its_bytes_and_shares_batches(tmp_path: Path) -> None:
    path = linear(tmp_path / "linear.onnx")
    made = built(path, tmp_path)
    assert (tmp_path / "servable" / "model.onnx").read_bytes() == path.read_bytes()
    assert [(spec.name, spec.shape) for spec in (*made.manifest.inputs, *made.manifest.outputs)] == [
        ("x", (-1, 3)),
        ("y", (-1, 1)),
    ]
    assert (made.context.alone, made.values.batching.max_rows) == ("", 64)
    pairs = [line.pair for line in made.manifest.parity]
    assert pairs == ["file/onnxruntime", "onnxruntime/one at a time"]
    for row in golden(tmp_path):
        (x,) = msgspec.json.decode(row.question).values()
        assert msgspec.json.decode(row.answer)["y"] == pytest.approx(x[0] + 2 * x[1] + 3 * x[2], abs=1e-5)


def test_a_sample_names_the_columns_and_its_gaps(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0], "income": [4.0, None, 6.0], "z:z": [7, 8, 9]})
    made = built(linear(tmp_path / "m.onnx"), tmp_path, sample=frame)
    assert [(column.name, column.optional) for column in made.context.columns] == [
        ("age", False),
        ("income", True),
        ("z:z", False),
    ]
    questions = [msgspec.json.decode(row.question) for row in golden(tmp_path)]
    assert questions[1] == {"age": 2.0, "income": None, "z:z": 8.0}
    assert msgspec.json.decode(golden(tmp_path)[1].answer) == {"y": None}


@pytest.mark.parametrize(
    ("frame", "more", "said"),
    [
        ({"a": [1.0], "b": [2.0]}, {}, "takes 3 values; there are 2 columns: a, b"),
        ({"a": [1.0], "b": ["x"], "c": [2.0]}, {}, "column 'b' has 'x'; the model takes FP32"),
        ({"a": [1.0], "b": [1.0], "c": [2.0]}, {"columns": ("a", "b", "d")}, "no column 'd'; it has a, b, c"),
        ({"a": [1.0], "b": [1.0], "c": [2.0]}, {"columns": ("a", "b", "b")}, "two columns have the name 'b'"),
        ({"a": [1.0], 'b"': [1.0], "c": [2.0]}, {}, "the column 'b\"' has a quotation mark"),
        ({"a": [1.0], "b\\": [1.0], "c": [2.0]}, {}, r"a backslash .*; rename it in the sample"),
        ({"a": [1.0], "b\n": [1.0], "c": [2.0]}, {}, "a character that cannot be printed"),
        ({"a": [1.0], "b": [1.0], "c": [2.0]}, {"columns": ("a", " ", "b")}, "a column has no name"),
        ({"a": [1.0], "b": [np.inf], "c": [2.0]}, {}, "column 'b' has inf, which is not finite as FP32"),
        (
            {"a": [1.0], "b": [1.0], "c": [2.0, 1e300][1:]},
            {},
            "column 'c' has 1e\\+300, which is not finite as FP32",
        ),
        ({"a": [1.0], "b": [1.0], "c": [2.0]}, {"labels": ("x", "y", "z")}, "no output has 3 scores"),
        ({"a": [1.0], "b": [1.0], "c": [2.0]}, {"labels": ("x",)}, "--labels has 'x' alone; name two classes"),
        ({"a": [1.0], "b": [1.0], "c": [2.0]}, {"labels": ("x", "")}, "--labels: the name 2 is empty"),
    ],
)
def test_a_sample_that_does_not_fit_is_explained(
    tmp_path: Path, frame: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(AddError, match=said):
        built(linear(tmp_path / "m.onnx"), tmp_path, sample=pd.DataFrame(frame), **more)


@pytest.mark.parametrize(
    ("kind", "cell", "said"),
    [
        (TensorProto.INT32, 1e300, "has 1e\\+300, which INT32 cannot hold"),
        (TensorProto.INT64, 0.5, "has 0.5, which INT64 cannot hold"),
        (TensorProto.UINT8, -1, "has -1, which UINT8 cannot hold"),
        (TensorProto.FLOAT16, 1e6, "has 1000000.0, which is not finite as FP16"),
    ],
)
def test_numbers_that_a_model_cannot_hold_are_not_rounded(
    tmp_path: Path, kind: int, cell: float, said: str
) -> None:
    given, answered = (value(name, kind, ["n", 2]) for name in ("x", "y"))
    path = save(tmp_path / "m.onnx", [node("Identity", ["x"], ["y"])], [given], [answered])
    with pytest.raises(AddError, match=f"the sample's column 'b' {said}"):
        built(path, tmp_path, sample=pd.DataFrame({"a": [1, 2], "b": [1, cell]}))


def test_several_inputs_of_several_types_are_columns_of_their_own(tmp_path: Path) -> None:
    path = save(
        tmp_path / "mixed.onnx",
        [
            node(
                "LabelEncoder", ["color"], ["code"], domain="ai.onnx.ml", keys_strings=["red"], values_floats=[2.0]
            ),
            node("Mul", ["code", "size"], ["weight"]),
        ],
        [value("color", TEXT, ["n", 1]), value("size", FLOAT, ["n", 1])],
        [value("weight", FLOAT, None)],
    )
    frame = pd.DataFrame({"size": [1.5, 3.0], "color": ["red", "blue"], "other": [1, 2]})
    made = built(path, tmp_path, sample=frame)
    assert made.context.example == {"color": "red", "size": 1.5}
    assert [msgspec.json.decode(row.answer)["weight"] for row in golden(tmp_path)] == [3.0, 0.0]
    assert "Columns of the sample that the model does not take: other." in made.manifest.notes


def test_half_precision_has_a_tolerance_of_its_own(tmp_path: Path) -> None:
    made = built(linear(tmp_path / "half.onnx", kind=TensorProto.FLOAT16), tmp_path)
    assert made.context.tolerance == 2e-2
    assert made.manifest.inputs[0].datatype == "FP16"


def test_weights_in_another_file_come_along(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    beside = {"save_as_external_data": True, "location": "parts/big.bin", "size_threshold": 10}
    built(linear(tmp_path / "big.onnx", 64, **beside), tmp_path)
    copied = tmp_path / "servable" / "parts" / "big.bin"
    assert copied.read_bytes() == (tmp_path / "parts" / "big.bin").read_bytes()


def test_a_sequence_may_have_any_length(tmp_path: Path) -> None:
    path = save(
        tmp_path / "lengths.onnx",
        [node("ReduceSum", ["x", "axis"], ["y"], keepdims=0)],
        [value("x", FLOAT, ["n", "t", 2])],
        [value("y", FLOAT, ["n", 2])],
        {"axis": np.array([1])},
    )
    made = built(path, tmp_path)
    assert (made.manifest.inputs[0].shape, made.manifest.outputs[0].shape) == ((-1, -1, 2), (-1, 2))
    assert made.context.alone == ""


def test_indices_are_kept_within_the_table_of_an_embedding(tmp_path: Path) -> None:
    path = save(
        tmp_path / "embedding.onnx",
        [node("Gather", ["table", "ids"], ["y"])],
        [value("ids", INT, ["n", "t"])],
        [value("y", FLOAT, ["n", "t", 4])],
        {"table": np.arange(8, dtype=np.float32).reshape(2, 4)},
    )
    made = built(path, tmp_path)
    assert set(np.unique(made.rows["ids"])) == {0, 1}


@pytest.mark.parametrize(
    ("shape", "served", "why"),
    [
        ([1, 3, 8], (-1, 3, 8), "batch size is fixed at 1"),
        ([3, 8], (-1, 3, 8), "no batch axis"),
        ([], (-1,), "no batch axis"),
    ],
)
def test_a_graph_without_a_batch_axis_is_served_row_by_row(
    tmp_path: Path, shape: list[int], served: tuple[int, ...], why: str
) -> None:
    path = save(
        tmp_path / "single.onnx",
        [node("Neg", ["x"], ["y"])],
        [value("x", FLOAT, shape)],
        [value("y", FLOAT, shape)],
    )
    made = built(path, tmp_path)
    assert why in made.context.alone
    assert made.values.batching.max_rows == 1
    assert made.manifest.inputs[0].shape == made.manifest.outputs[0].shape == served
    x, y = np.array(golden(tmp_path)[0].features["x"]), np.array(golden(tmp_path)[0].outputs["y"])
    np.testing.assert_array_equal(x, -y)


def centred(path: Path) -> Path:
    """Subtracts the mean of the first axis."""
    return save(
        path,
        [node("ReduceMean", ["x", "axis"], ["m"]), node("Sub", ["x", "m"], ["y"])],
        [value("x", FLOAT, ["n", 2])],
        [value("y", FLOAT, ["n", 2])],
        {"axis": np.array([0])},
    )


def test_rows_that_depend_on_each_other_run_alone_and_may_be_a_sequence(tmp_path: Path) -> None:
    path = centred(tmp_path / "centred.onnx")
    made = built(path, tmp_path)
    assert "depends on the other rows" in made.context.alone and "batch: false" in made.context.alone
    (tmp_path / "other").mkdir()
    made = built(path, tmp_path / "other", overrides=Overrides(batch=False))
    assert made.manifest.inputs[0].shape == (-1, -1, 2)
    for row in golden(tmp_path / "other"):
        assert np.array(row.outputs["y"]).reshape(-1, 2).mean(axis=0) == pytest.approx([0, 0], abs=1e-6)


def test_answers_whose_size_depends_on_the_row_are_served(tmp_path: Path) -> None:
    path = save(
        tmp_path / "where.onnx",
        [node("NonZero", ["flags"], ["where"])],
        [value("flags", TensorProto.BOOL, ["n", 6])],
        [value("where", INT, [2, "found"])],
    )
    made = built(path, tmp_path)
    assert made.manifest.outputs[0].shape == (-1, 2, -1)
    assert "no batch axis" in made.context.alone
    assert len(golden(tmp_path)) == 1


def classifier(path: Path) -> Path:
    """Two classes with names in the graph, and a ZipMap as scikit-learn's converter writes it."""
    return save(
        path,
        [
            node(
                "LinearClassifier",
                ["x"],
                ["label", "scores"],
                domain="ai.onnx.ml",
                classlabels_strings=["no", "yes"],
                coefficients=[-1.0, 0.5, 1.0, -0.5],
                intercepts=[0.0, 0.1],
                post_transform="SOFTMAX",
            ),
            node("ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml", classlabels_strings=["no", "yes"]),
        ],
        [value("x", FLOAT, ["n", 2])],
        [value("label", TEXT, ["n"]), onnx.helper.make_tensor_value_info("probabilities", FLOAT, None)],
    )


def test_a_classifier_has_its_own_names_and_probabilities(tmp_path: Path) -> None:
    made = built(classifier(tmp_path / "classes.onnx"), tmp_path)
    assert (made.context.labels, made.context.softmax) == (("no", "yes"), False)
    answer = msgspec.json.decode(golden(tmp_path)[0].answer)
    assert answer.keys() == {"label", "probabilities"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert "ZipMap was removed" in made.manifest.notes[0]
    with pytest.raises(
        AddError, match="--labels: the model names its classes itself: no, yes; leave out --labels"
    ):
        (tmp_path / "other").mkdir()
        built(classifier(tmp_path / "classes.onnx"), tmp_path / "other", labels=("stays", "leaves"))
    with pytest.raises(AddError, match="the classes in the model have 'a' twice; give them other names with"):
        (tmp_path / "twice").mkdir()
        built(numbered(tmp_path / "twice.onnx", [[-9.0], [9.0]], ["a", "a"]), tmp_path / "twice")


def test_numbers_of_classes_in_the_graph_are_names_or_get_some(tmp_path: Path) -> None:
    path = numbered(tmp_path / "levels.onnx", [[-9.0], [0.0], [9.0]], [1, 2, 3])
    sample = pd.DataFrame({"x": [5.0, -5.0]})
    for folder, labels in (("a", ()), ("b", ("low", "middle", "high"))):
        (tmp_path / folder).mkdir()
        made = built(path, tmp_path / folder, sample=sample, labels=labels)
        names = labels or ("1", "2", "3")
        assert (made.context.labels, made.context.numbers) == (names, (1, 2, 3))
        answers = [msgspec.json.decode(row.answer) for row in golden(tmp_path / folder)]
        assert [answer["label"] for answer in answers] == [names[2], names[0]]
        for answer in answers:
            assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)


def test_triton_agrees_on_texts_and_on_tensors_of_rows_alone(tmp_path: Path) -> None:
    path = save(
        tmp_path / "names.onnx",
        [
            node(
                "LabelEncoder",
                ["code"],
                ["name"],
                domain="ai.onnx.ml",
                keys_strings=["a", "row"],
                values_strings=["größe", "red"],
            ),
            node("Neg", ["count"], ["less"]),
        ],
        [value("code", TEXT, ["n"]), value("count", INT, ["n"])],
        [value("name", TEXT, ["n"]), value("less", INT, ["n"])],
    )
    (tmp_path / "servable").mkdir()
    made = build(Wanted(name="m", path=path, source=path.name), tmp_path / "servable", Silent())
    through = [line for line in made.manifest.parity if line.pair == "onnxruntime/triton"]
    assert [(line.output, line.max_error) for line in through] == [("name", 0.0), ("less", 0.0)]


def test_shapes_that_the_file_leaves_out_are_found_out(tmp_path: Path) -> None:
    """Its graph gets a row axis, for which every shape must be known."""
    path = save(
        tmp_path / "open.onnx",
        [node("ReduceSum", ["x"], ["sum"], keepdims=0), node("Neg", ["x"], ["y"])],
        [value("x", FLOAT, None)],
        [value("sum", FLOAT, None), value("y", FLOAT, None)],
    )
    made = built(path, tmp_path, overrides=Overrides(inputs={"x": (3, -1)}))
    assert [spec.shape for spec in (*made.manifest.inputs, *made.manifest.outputs)] == [
        (-1, 3, -1),
        (-1,),
        (-1, 3, -1),
    ]
