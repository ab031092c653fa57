"""An app made from a manifest: questions as objects and arrays to tensors, outputs to answers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pytest

from serving.kernel.added.app import added_app
from serving.kernel.added.columns import AddedContext, Column
from serving.kernel.app import App
from serving.kernel.errors import Invalid
from serving.kernel.storage.version_files import Refused
from serving.kernel.tensors import TensorSpec
from tests.serving.added import AB, manifest

FOLDER = Path("models/sum")


def app_of(context: AddedContext = AB, **fields: Any) -> App[Any, Any, AddedContext]:
    return added_app(manifest(context, **fields), FOLDER)


def questions(app: App[Any, Any, AddedContext], *rows: Any) -> list[Any]:
    kind = list[app.question | app.positional]  # type: ignore[name-defined]
    return list(msgspec.json.decode(msgspec.json.encode(rows), type=kind))


def whole(datatype: str, shape: tuple[int, ...], name: str = "x") -> App[Any, Any, AddedContext]:
    """A model with one input whose rows are fields of their own."""
    spec = TensorSpec(name, datatype, shape)
    example = {name: np.zeros([max(size, 1) for size in shape[1:]], int).tolist()}
    plain = (
        example
        if len(shape) > 2 or shape[1:] not in ((), (1,))
        else {name: {"BYTES": "a", "BOOL": True}.get(datatype, 0)}
    )
    return app_of(AddedContext(columns=(Column(name=name, tensor=name),), example=plain), inputs=(spec,))


def test_objects_and_arrays_fill_the_same_tensor_and_null_is_nan() -> None:
    app = app_of()
    found = app.features(questions(app, {"b": 2, "a": 1}, [3, 4], {"a": 5}, {"a": 6, "b": None}), AB)
    np.testing.assert_array_equal(found["features"], [[1, 2], [3, 4], [5, np.nan], [6, np.nan]])
    assert found["features"].dtype == np.float32
    assert app.folder == FOLDER
    assert msgspec.to_builtins(app.example) == {"a": 1.0, "b": 2.0}


def numbers(datatype: str, *positions: int) -> App[Any, Any, AddedContext]:
    """A model with one input of two numbers, `a` and `b` at these positions."""
    columns = tuple(Column(name=name, tensor="x", position=at) for name, at in zip("ab", positions, strict=True))
    context = AddedContext(columns=columns, example={"a": 1, "b": 2})
    return app_of(context, inputs=(TensorSpec("x", datatype, (-1, 2)),))


def test_columns_go_to_their_positions_whatever_their_order() -> None:
    for app, expected in ((numbers("FP64", 0, 1), [[1, 2], [3, 4]]), (numbers("FP64", 1, 0), [[2, 1], [4, 3]])):
        found = app.features(questions(app, {"b": 2, "a": 1}, [3, 4]), AB)["x"]
        assert (found.tolist(), found.dtype) == (expected, np.float64)


@pytest.mark.parametrize("positions", [(0, 1), (1, 0)])
def test_a_number_beyond_64_bits_names_its_column(positions: tuple[int, int]) -> None:
    app = numbers("INT64", *positions)
    fits, beyond = app.question(c0=1, c1=2), app.question(c0=1, c1=2**64)
    with pytest.raises(Invalid, match=r"^\[1\].b: is out of the range of INT64, from -9223372036854775808 to 92"):
        app.features([fits, beyond], AB)


@pytest.mark.parametrize(
    ("datatype", "most", "beyond"),
    [
        ("FP16", 65504, 65520),
        ("BF16", 3.3895e38, 3.4e38),
        ("FP32", 3.4028235e38, 3.5e38),
        ("FP64", 1e308, 2**1024),
    ],
)
@pytest.mark.parametrize("warned", ["error", "ignore"])
def test_a_number_that_would_become_infinite_names_its_place(
    datatype: str, most: float, beyond: float, warned: Literal["error", "ignore"]
) -> None:
    warnings.simplefilter(warned)  # numpy warns once, and a server goes on
    for positions in ((0, 1), (1, 0)):
        app = numbers(datatype, *positions)
        assert np.isfinite(app.features([app.question(c0=-most, c1=most)], AB)["x"]).all()
        with pytest.raises(
            Invalid, match=rf"is out of the range of {datatype}, from -[\d.e+]+ to [\d.e+]+$"
        ) as raised:
            app.features([app.question(c0=1, c1=2), app.question(c0=1, c1=-beyond)], AB)
        assert raised.value.field == "[1].b"
    lists = whole(datatype, (-1, -1, 2))
    for value, field in (([[1, 2], [3, beyond]], "[1].x[1][1]"), ([[-beyond, 2], [3, beyond]], "[1].x[0][0]")):
        with pytest.raises(Invalid) as raised:
            lists.features([lists.question(c0=[[1, 2], [3, 4]]), lists.question(c0=value)], AB)
        assert raised.value.field == field
    assert app.features([app.question(c0=0, c1=np.inf)], AB)["x"][0, 0] == np.inf, "as it came"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"b": 1}, "missing required field `a`"),
        ({"a": 1, "c": 2}, "unknown field `c`"),
        ({"a": "x"}, "got `str`"),
        ([1], "length 2"),
        ([1, 2, 3], "length 2"),
    ],
)
def test_a_wrong_column_is_named(row: Any, said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        questions(app_of(), row)


def test_names_that_are_no_identifiers_are_kept() -> None:
    names = ("class", "a b", "ü:0", "")
    columns = tuple(Column(name=name, tensor="features", position=at) for at, name in enumerate(names))
    context = AddedContext(columns=columns, example=dict.fromkeys(names, 0.0))
    app = app_of(context, inputs=(TensorSpec("features", "FP32", (-1, 4)),))
    (asked,) = questions(app, {"": 4, "class": 1, "ü:0": 3, "a b": 2})
    assert app.features([asked], context)["features"].tolist() == [[1, 2, 3, 4]]
    assert msgspec.to_builtins(asked) == {"class": 1, "a b": 2, "ü:0": 3, "": 4}


def test_a_whole_row_is_a_nested_list_and_its_array_is_the_row_itself() -> None:
    app = whole("FP32", (-1, 2, 2))
    found = app.features(questions(app, {"x": [[1, 2], [3, 4]]}, [[5, 6], [7, 8]]), AB)
    assert found["x"].tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    with pytest.raises(msgspec.ValidationError, match="length >= 2"):
        questions(app, {"x": [[1, 2]]})


@pytest.mark.parametrize(
    ("datatype", "value", "dtype"),
    [("BYTES", "a", object), ("BOOL", True, bool), ("INT64", -5, np.int64), ("FP16", 0.5, np.float16)],
)
def test_values_have_the_types_of_the_input(datatype: str, value: Any, dtype: Any) -> None:
    app = whole(datatype, (-1,))
    found = app.features(questions(app, {"x": value}, [value]), AB)["x"]
    assert (found.tolist(), found.dtype) == ([value, value], dtype)


@pytest.mark.parametrize(("datatype", "value"), [("UINT8", 256), ("INT8", -129), ("INT32", 2**31), ("UINT64", -1)])
def test_integers_out_of_range_are_refused_when_they_are_read(datatype: str, value: int) -> None:
    with pytest.raises(msgspec.ValidationError, match="Expected `int`"):
        questions(whole(datatype, (-1,)), {"x": value})


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_integers_beyond_64_bits_name_the_column(value: int) -> None:
    app = whole("INT64", (-1,))
    with pytest.raises((Invalid, msgspec.ValidationError), match="range|out of|Expected|int"):
        app.features(questions(app, {"x": value}), AB)


def test_rows_of_several_lengths_are_refused_in_one_request_and_share_no_batch() -> None:
    app = whole("FP32", (-1, -1, 2))
    short, long = questions(app, {"x": [[1, 2]]}, {"x": [[1, 2], [3, 4]]})
    with pytest.raises(Invalid, match=r"instances of one request must agree") as raised:
        app.features([short, long], AB)
    assert raised.value.field == "[1].x"
    assert app.batch_key is not None
    assert app.batch_key([short]) != app.batch_key([long])
    assert app.batch_key([short]) == app.batch_key(questions(app, [[9, 9]]))


@pytest.mark.parametrize("row", [{"x": []}, {"x": [[1, 2], []]}])
def test_lists_that_are_no_tensor_name_the_column(row: Any) -> None:
    app = whole("FP32", (-1, -1, -1))
    with pytest.raises(Invalid, match="must have the shape"):
        app.features(questions(app, row), AB)


def answers(context: AddedContext, specs: tuple[TensorSpec, ...], **outputs: Any) -> list[Any]:
    app = app_of(context, outputs=specs)
    arrays = {name: np.array(value) for name, value in outputs.items()}
    return [msgspec.to_builtins(answer) for answer in app.decide([], arrays, context)]


def test_answers_have_every_output_under_its_own_name() -> None:
    specs = (
        TensorSpec("y:0", "FP32", (-1, 1)),
        TensorSpec("v", "INT64", (-1, 2)),
        TensorSpec("t", "BYTES", (-1,)),
    )
    found = answers(AB, specs, **{"y:0": [[1.5], [np.nan]], "v": [[1, 2], [3, 4]], "t": ["a", "b"]})
    assert msgspec.json.encode(found) == (b'[{"y:0":1.5,"v":[1,2],"t":"a"},{"y:0":null,"v":[3,4],"t":"b"}]')


SCORES = TensorSpec("scores", "FP32", (-1, 3))


def labelled(**fields: Any) -> AddedContext:
    return msgspec.structs.replace(AB, labels=("x", "y", "z"), scores="scores", **fields)


def test_a_model_that_was_not_judged_says_so() -> None:
    assert app_of().summary == "The model sum, added from sum.onnx; not judged against known answers."
    assert app_of(msgspec.structs.replace(AB, judged=True)).summary == "The model sum, added from sum.onnx."


def test_labels_name_the_largest_score_and_every_probability() -> None:
    found = answers(labelled(), (SCORES,), scores=[[0.25, 0.5, 0.25]])
    assert found == [{"label": "y", "probabilities": {"x": 0.25, "y": 0.5, "z": 0.25}}]


def test_scores_without_a_number_have_no_label() -> None:
    scores = [[0.25, np.nan, 0.75], [0.0, 1.0, 0.0], [np.nan] * 3]
    found = msgspec.json.decode(msgspec.json.encode(answers(labelled(), (SCORES,), scores=scores)))
    assert [one["label"] for one in found] == [None, "y", None]
    assert found[0]["probabilities"] == {"x": 0.25, "y": None, "z": 0.75}
    infinite = answers(labelled(softmax=True), (SCORES,), scores=[[np.inf, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert [one["label"] for one in infinite] == [None, "x"]
    answer = app_of(labelled(), outputs=(SCORES,)).answer
    assert msgspec.convert(found[0], answer), "the type of the answers has what is sent"


def test_scores_that_are_no_probabilities_become_some() -> None:
    (found,) = answers(labelled(softmax=True), (SCORES,), scores=[[1000.0, 0.0, 1000.0]])
    assert found["probabilities"] == pytest.approx({"x": 0.5, "y": 0.0, "z": 0.5})


def test_the_class_that_the_model_itself_names_wins() -> None:
    index = TensorSpec("class", "INT64", (-1,))
    found = answers(labelled(index="class"), (SCORES, index), scores=[[0.9, 0.1, 0]] * 2, **{"class": [2, 7]})
    assert [one["label"] for one in found] == ["z", "7"]
    assert "class" not in found[0] and "scores" not in found[0]


def test_the_numbers_of_classes_may_be_others_than_their_places() -> None:
    index = TensorSpec("class", "INT64", (-1,))
    context = labelled(index="class", numbers=(1, 2, 5))
    found = answers(context, (SCORES, index), scores=[[0.9, 0.1, 0]] * 3, **{"class": [1, 5, 0]})
    assert [one["label"] for one in found] == ["x", "z", "0"]


def test_one_score_is_that_of_the_second_of_two_classes() -> None:
    context = msgspec.structs.replace(AB, labels=("no", "yes"), scores="p")
    spec = TensorSpec("p", "FP32", (-1, 1))
    assert answers(context, (spec,), p=[[0.75]]) == [{"label": "yes", "probabilities": {"no": 0.25, "yes": 0.75}}]
    logits = answers(msgspec.structs.replace(context, softmax=True), (spec,), p=[[0.0], [-9000.0]])
    assert [one["probabilities"]["yes"] for one in logits] == pytest.approx([0.5, 0.0], abs=1e-12)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (msgspec.structs.replace(AB, columns=(Column(name="a", tensor="nosuch"),)), "no input"),
        (msgspec.structs.replace(AB, columns=()), "no column goes to the input 'features'"),
        (msgspec.structs.replace(AB, labels=("a", "b"), scores="nosuch"), "is not an output"),
        (msgspec.structs.replace(AB, example={"a": "x"}), "example"),
        (msgspec.structs.replace(AB, labels=("a", "b"), numbers=(1,)), "1 numbers of 2 labels"),
    ],
)
def test_a_context_that_does_not_fit_its_version_is_refused(context: AddedContext, said: str) -> None:
    with pytest.raises(Refused, match=said):
        app_of(context)


def test_lengths_of_several_inputs_must_agree_unless_the_model_is_ragged() -> None:
    specs = (TensorSpec("a", "FP32", (-1, -1)), TensorSpec("b", "FP32", (-1, -1)))
    columns = tuple(Column(name=spec.name, tensor=spec.name) for spec in specs)
    context = AddedContext(columns=columns, example={"a": [1.0], "b": [1.0]})
    app = app_of(context, inputs=specs)
    rows = questions(app, [[1, 2, 3], [4, 5]])
    with pytest.raises(Invalid, match=r"has 2 values on axis 1; a has 3, and they must agree"):
        app.features(rows, context)
    ragged = msgspec.structs.replace(context, ragged=True)
    app = app_of(ragged, inputs=specs)
    assert app.ragged
    assert [array.shape for array in app.features(rows, ragged).values()] == [(1, 3), (1, 2)]
