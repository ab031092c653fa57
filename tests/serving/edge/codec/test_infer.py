from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.edge.codec.infer import decode_infer, encode_infer
from serving.edge.codec.json_tensors import output_values
from serving.kernel.errors import ClientError, TooLarge
from serving.kernel.tensors import to_wire
from tests.serving.edge.codec.tensors import app_of, assert_same, tensors
from tests.serving.edge.toy import every, toy


def body(datatype: str, array: npt.NDArray[Any], binary: bool, answer_binary: bool) -> tuple[bytes, str | None]:
    tensor: dict[str, Any] = {"name": "x", "datatype": datatype, "shape": array.shape}
    raw = bytes(to_wire(datatype, array)) if binary else b""
    if binary:
        tensor["parameters"] = {"binary_data_size": len(raw)}
    else:
        tensor["data"] = output_values(datatype, array, "x")
    request = {"id": "7", "inputs": [tensor], "parameters": {"binary_data_output": answer_binary}}
    text = msgspec.json.encode(request)
    return text + raw, str(len(text)) if binary else None


@given(tensors(json=True), st.booleans(), st.booleans())
def test_round_trip_in_every_form(tensor: tuple[str, npt.NDArray[Any]], binary: bool, answer: bool) -> None:
    datatype, array = tensor
    app = app_of(datatype, array.ndim)
    raw, length = body(datatype, array, binary, answer)
    asked = decode_infer(app, raw, length, 100)
    assert_same(asked.inputs["x"], array)
    assert asked.rows == array.shape[0] and asked.id == "7"
    sent, json_length = encode_infer(app, asked, {"x": array}, 3, "r")
    assert (json_length is not None) == answer
    head = msgspec.json.decode(sent[:json_length])
    assert (head["model_version"], head["id"]) == ("3", "7")
    output = head["outputs"][0]
    if answer:
        output["parameters"] = {"binary_data_size": len(sent) - len(sent[:json_length])}
    again = msgspec.json.encode({"inputs": [output]})
    rest = sent[json_length:] if json_length is not None else b""
    back = decode_infer(app, again + rest, str(len(again)) if answer else None, 100)
    assert_same(back.inputs["x"], array)


def test_tensors_as_json_and_bytes_in_one_request() -> None:
    inputs, tail = [], b""
    for index, spec in enumerate(every.inputs):
        array = np.zeros((1, 2), object if spec.datatype == "BYTES" else np.int8)
        array = np.full((1, 2), b"z", dtype=object) if spec.datatype == "BYTES" else array.astype(np.int64)
        tensor: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": [1, 2]}
        if index % 2:
            raw = bytes(to_wire(spec.datatype, array))
            tensor["parameters"] = {"binary_data_size": len(raw)}
            tail += raw
        elif spec.datatype == "BOOL":
            tensor["data"] = [False, False]
        else:
            tensor["data"] = output_values(spec.datatype, array, "")
        inputs.append(tensor)
    text = msgspec.json.encode({"inputs": inputs})
    asked = decode_infer(every, text + tail, str(len(text)), 100)
    assert set(asked.inputs) == {spec.name for spec in every.inputs}
    assert asked.inputs["in_FP32"].tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("outputs", "every_binary", "expected"),
    [
        (None, False, set()),
        (None, True, {"total"}),
        ([{"name": "total"}], True, {"total"}),
        ([{"name": "total", "parameters": {"binary_data": False}}], True, set()),
        ([{"name": "total", "parameters": {"binary_data": True}}], False, {"total"}),
    ],
)
def test_who_wants_bytes(outputs: Any, every_binary: bool, expected: set[str]) -> None:
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
    request = {"inputs": [tensor], "outputs": outputs, "parameters": {"binary_data_output": every_binary}}
    assert decode_infer(toy, msgspec.json.encode(request), None, 10).binary == expected


def test_rows_are_limited_before_the_data_is_read() -> None:
    tensor = {"name": "features", "datatype": "FP32", "shape": [11, 2], "data": ["not read"]}
    with pytest.raises(TooLarge, match="at most 10 rows"):
        decode_infer(toy, msgspec.json.encode({"inputs": [tensor]}), None, 10)


@given(st.binary(max_size=300), st.none() | st.integers(-2, 300).map(str) | st.text(max_size=5))
def test_any_bytes_are_answered_with_our_errors(raw: bytes, length: str | None) -> None:
    with pytest.raises(ClientError):
        decode_infer(toy, raw, length, 10)
