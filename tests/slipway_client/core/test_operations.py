from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from slipway_client import BadAnswer, Invalid, Model
from slipway_client.core.operations import Operations
from slipway_client.core.steps import Outcome, Reply
from tests.slipway_client.core.test_metadata import DOCUMENT, TENSOR
from tests.slipway_client.driven import Driven, drive, failure, options, problem, reply


def answers(*found: Any, version: str = "3") -> Reply:
    return reply(200, {"predictions": list(found), "model_version": version})


def tensors(*numbers: float) -> Reply:
    output = {"name": "y", "datatype": "FP32", "shape": [len(numbers), 1], "data": list(numbers)}
    return reply(200, {"model_version": "3", "outputs": [output]})


def asked(rows: Any, *events: Any, model: Any = "m", version: int | None = None, **fields: Any) -> Driven:
    operations = Operations(options(**fields))
    return drive(operations.ask("predict", model, rows, version, None, "id"), *events)


def test_a_list_is_asked_and_its_answers_know_their_version() -> None:
    done = asked([{"a": 1}, {"a": 2}], answers({"p": 1}, {"p": 2}))
    assert done.result == [{"p": 1}, {"p": 2}]
    assert (done.result.model, done.result.version, done.result.request_id) == ("m", "3", "id")
    assert json.loads(done.requests[0].body) == {"instances": [{"a": 1}, {"a": 2}]}
    assert done.requests[0].path == "/v1/models/m:predict"


def test_a_typed_model_and_a_version_are_in_the_path() -> None:
    model: Model[Any, Any, Any] = Model("m")
    assert asked({"a": 1}, answers({"p": 1}), model=model, version=7).requests[0].path == (
        "/v1/models/m/versions/7:predict"
    )
    for name in ("", None, 3):
        assert isinstance(asked({"a": 1}, model=name).error, Invalid)


def test_an_array_goes_as_a_tensor_and_is_joined() -> None:
    rows = np.array([[1, 2], [3, 4], [5, 6]])
    done = asked(rows, reply(200, DOCUMENT), tensors(3, 7), tensors(11), max_rows=2)
    assert done.result.tolist() == [[3], [7], [11]] and done.result.dtype == np.float32
    assert [request.path for request in done.requests] == [
        "/v2/models/m",
        "/v2/models/m/infer",
        "/v2/models/m/versions/3/infer",
    ]
    length = int(done.requests[1].headers["inference-header-content-length"])
    assert done.requests[1].body[length:] == np.array([[1, 2], [3, 4]], np.float32).tobytes()


@pytest.mark.parametrize(
    "inputs",
    [
        [TENSOR, {**TENSOR, "name": "z"}],
        [{**TENSOR, "datatype": "BYTES"}],
        [{**TENSOR, "shape": [-1, 3, 8, 8]}],
        [],
    ],
)
def test_an_array_for_other_inputs_is_asked_as_lists(inputs: list[Any]) -> None:
    metadata = reply(200, {**DOCUMENT, "inputs": inputs})
    done = asked(np.array([[1.5, 2]]), metadata, answers({"p": 1, "l": "x"}))
    assert json.loads(done.requests[1].body) == {"instances": [[1.5, 2.0]]}
    assert done.result["p"].tolist() == [1] and done.result["l"].tolist() == ["x"]


def test_an_array_of_text_is_asked_as_lists_at_once() -> None:
    assert len(asked(np.array([["a", "b"]]), answers({"p": 1})).sent) == 1


def test_an_answer_that_is_none_is_refused() -> None:
    for found in (reply(200, {"predictions": 3}), answers({"p": 1}), reply(200, b"<html>")):
        assert isinstance(asked([{"a": 1}, {"a": 2}], found).error, BadAnswer)


def test_every_part_must_have_an_answer_for_each_of_its_rows() -> None:
    """Three answers and one are four, but some of them would belong to other rows."""
    rows, few, many = [{"a": 1}] * 4, answers({"p": 1}), answers(*[{"p": 1}] * 3)
    for found in (few, many):
        done = asked(rows, found, max_rows=2)
        assert isinstance(done.error, BadAnswer) and "2 rows were asked" in str(done.error)
    array = asked(np.ones((4, 2)), reply(200, DOCUMENT), tensors(1, 2, 3), max_rows=2)
    assert "2 rows were asked, 3 answered in the output 'y'" in str(array.error)
    assert isinstance(array.error, BadAnswer) and array.error.request_id == "id.1"


def test_outputs_that_differ_between_the_parts_are_refused() -> None:
    other = reply(200, {"model_version": "3", "outputs": []})
    done = asked(np.ones((3, 2)), reply(200, DOCUMENT), tensors(3, 7), other, max_rows=2)
    assert isinstance(done.error, BadAnswer)


def test_after_an_invalid_tensor_the_model_is_looked_at_again() -> None:
    operations = Operations(options())
    steps = operations.ask("predict", "m", np.ones((1, 2)), None, None, None)
    assert isinstance(drive(steps, reply(200, DOCUMENT), reply(422, {"error": "no"})).error, Invalid)
    again = operations.ask("predict", "m", np.ones((1, 2)), None, None, None)
    assert drive(again, reply(200, DOCUMENT), tensors(2)).error is None


def inferred(inputs: dict[str, Any], *events: Any) -> Driven:
    return drive(Operations(options()).infer("m", inputs, (), None, None, None), *events)


def test_inputs_are_checked_against_the_model() -> None:
    two = reply(200, {**DOCUMENT, "inputs": [TENSOR, {**TENSOR, "name": "z"}]})
    for inputs, message in (
        ({}, "`inputs` is empty; allowed: x, z"),
        ({"q": np.ones((1, 2))}, "'q' is not an input of m; allowed: x, z"),
        ({"x": np.ones((1, 2)), "z": np.ones((2, 2))}, "the same number of rows"),
        ({"x": np.ones((0, 2))}, "at least 1"),
        ({"x": np.array(1.0)}, "at least 1"),
    ):
        error = inferred(inputs, two).error
        assert isinstance(error, Invalid) and message in str(error)
    for wrong, message in (([[1, 2]], "must be a dict of arrays .*got list"), (np.ones((1, 2)), "got ndarray")):
        with pytest.raises(Invalid, match=message) as caught:
            next(Operations(options()).infer("m", wrong, (), None, None, None))  # type: ignore[arg-type]
        assert caught.value.field == "inputs"
    with pytest.raises(Invalid, match="`outputs` must be a list of names, got 'total'"):
        next(Operations(options()).infer("m", {"x": [[1, 2]]}, "total", None, None, None))
    done = inferred({"x": [[1, 2]], "z": [[3, 4]]}, two, tensors(1))
    assert done.result["y"].tolist() == [[1]]


def test_whether_it_is_ready() -> None:
    def ready(*events: Any, model: str | None = None) -> Any:
        done = drive(Operations(options()).ready(model, None, None), *events)
        return done.error or done.result

    assert ready(reply()) is True
    for event in (reply(503), problem(503, retry_after="1"), failure(Outcome.UNSENT), failure(Outcome.LATE)):
        assert ready(event) is False
    assert "no model" in str(ready(problem(404, "no model"), model="x"))


def test_names_and_server() -> None:
    operations = Operations(options())
    assert drive(operations.models(None), reply(200, {"models": ["a", "b"]})).result == ["a", "b"]
    server = drive(
        operations.metadata(None, None, None), reply(200, {"name": "slipway", "extensions": ["e"]})
    ).result
    assert (server.name, server.version, server.extensions) == ("slipway", "", ("e",))
    assert isinstance(drive(operations.models(None), reply(200, {})).error, BadAnswer)
