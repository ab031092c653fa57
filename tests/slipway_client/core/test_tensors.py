from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_client import BadAnswer, Invalid, TensorSpec
from slipway_client.core.steps import Reply
from slipway_client.core.tensors import DTYPES, HEADER, cast, decode_reply, encode_request


def spec(datatype: str) -> TensorSpec:
    return TensorSpec("x", datatype, (-1, 2))


@pytest.mark.parametrize(
    ("datatype", "array"),
    [
        ("FP32", np.array([[1, 2]])),
        ("FP32", np.array([[1.5, np.nan]])),
        ("FP32", np.array([[np.inf, -np.inf]])),
        ("FP64", np.array([[1, 2]], np.float16)),
        ("FP16", np.array([[0.5, 2]])),
        ("FP32", np.array([[None, 1.5]], object)),
        ("INT32", np.array([[1, -2]])),
        ("UINT8", np.array([[0, 255]], np.int64)),
        ("INT64", np.array([[True, False]])),
        ("INT64", np.array([[1, 2]], object)),
        ("BOOL", np.array([[True, False]])),
        ("UINT64", np.array([[2**64 - 1, 0]], np.uint64)),
        ("FP32", np.zeros((0, 2))),
        ("FP32", np.ma.masked_array([[1, 2]], [[0, 1]])),
        ("INT64", np.ma.masked_array([[1, 2]], [[0, 0]])),
        ("INT32", np.zeros((0, 2), np.int64)),
    ],
)
def test_arrays_are_converted_where_no_value_changes(datatype: str, array: Any) -> None:
    made = cast(spec(datatype), array)
    assert made.dtype == DTYPES[datatype]
    np.testing.assert_array_equal(made, np.array(array.tolist(), DTYPES[datatype]).reshape(array.shape))


@pytest.mark.parametrize(
    ("datatype", "array", "message"),
    [
        ("INT64", np.array([[1.0, 2.0]]), "is INT64, the array is float64: convert it with .astype"),
        ("BOOL", np.array([[1, 0]]), "is BOOL, the array is int64"),
        ("UINT8", np.array([[0, 256]]), "must be from 0 to 255"),
        ("INT8", np.array([[0, -129]]), "must be from -128 to 127"),
        ("INT64", np.array([[2**63, 0]], np.uint64), "must be from"),
        ("FP32", np.array([[1e39, 0]]), "too large"),
        ("FP16", np.array([[1e5, 0]], np.float32), "too large"),
        ("FP32", np.array([["a", "b"]]), "the array is <U1"),
        ("FP32", np.array([["a", 1]], object), "has other values"),
        ("INT64", np.array([[None, 1]], object), "the array is object"),
        ("BYTES", np.array([[1, 2]]), r"convert it with .astype\(str\)"),
        ("INT64", np.ma.masked_array([[1, 2]], [[0, 1]]), "the array is object"),
        ("FP32", [[1, 2], [3]], "'x' must be an array, whose rows are alike"),
        ("FP8", np.array([[1, 2]]), "which this client does not know"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(datatype: str, array: Any, message: str) -> None:
    with pytest.raises(Invalid, match=message) as found:
        cast(spec(datatype), array)
    assert found.value.field == "x"


def test_a_request_has_json_first_and_then_bytes() -> None:
    arrays = {"a": ("FP32", np.array([[1.5]], np.float32)), "t": ("BYTES", np.array(["é", b"x"], object))}
    body, length = encode_request(arrays, ["out"])
    document = json.loads(body[:length])
    assert [tensor["parameters"]["binary_data_size"] for tensor in document["inputs"]] == [4, 11]
    assert body[length:] == np.float32(1.5).tobytes() + b"\2\0\0\0\xc3\xa9" + b"\1\0\0\0x"
    assert document["outputs"] == [{"name": "out", "parameters": {"binary_data": True}}]


def answer(tensors: list[dict[str, Any]], rest: bytes = b"", length: int | None = None) -> Reply:
    text = json.dumps({"model_name": "m", "model_version": "3", "outputs": tensors}).encode()
    return Reply(200, {HEADER: str(len(text) if length is None else length)}, text + rest)


def tensor(datatype: str = "FP32", shape: Any = (1,), size: Any = 4) -> dict[str, Any]:
    return {"name": "y", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}


def test_outputs_are_read_from_bytes_and_from_json() -> None:
    inline = {"name": "z", "datatype": "INT64", "shape": [2, 1], "data": [2**62, -1]}
    text = {"name": "t", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}
    nan = {"name": "n", "datatype": "FP32", "shape": [2], "data": [None, 1.5]}
    found = decode_reply(answer([tensor(), inline, text, nan], np.float32(0.5).tobytes()), "id")
    assert (found.model, found.version) == ("m", "3")
    assert found.outputs["y"].tolist() == [0.5]
    assert found.outputs["z"].tolist() == [[2**62], [-1]]
    assert found.outputs["t"].tolist() == ["a", "b"]
    np.testing.assert_array_equal(found.outputs["n"], np.array([np.nan, 1.5], np.float32))
    found.outputs["y"][0] = 7  # callers own their arrays


def test_bytes_that_are_no_text_stay_bytes() -> None:
    found = decode_reply(answer([tensor("BYTES", (1,), 5)], b"\1\0\0\0\xff"), "id")
    assert found.outputs["y"].tolist() == [b"\xff"]


@pytest.mark.parametrize(
    "reply",
    [
        answer([tensor(size=4)], b"123"),
        answer([tensor(size=4)], b"12345"),
        answer([tensor(size=-1)]),
        answer([tensor(size="4")], b"1234"),
        answer([tensor(shape=(2,))], b"1234"),
        answer([tensor(shape=(-1,))], b"1234"),
        answer([tensor(shape=None)], b"1234"),
        answer([tensor(datatype="FP8")], b"1234"),
        answer([tensor("BYTES", (1,), 4)], b"\5\0\0\0"),
        answer([tensor("BYTES", (2,), 4)], b"\0\0\0\0"),
        answer([{"name": "y", "datatype": "FP32", "shape": [2], "data": [1]}]),
        answer([{"name": "y", "datatype": "INT8", "shape": [1], "data": ["x"]}]),
        answer([{"name": "y"}]),
        answer([1]),  # type: ignore[list-item]
        answer([], length=10**9),
        Reply(200, {HEADER: "x"}, b"{}"),
        Reply(200, {}, b"{}"),
        Reply(200, {}, b'{"outputs": 3}'),
        Reply(200, {}, b"<html>"),
    ],
)
def test_tensors_that_lie_about_themselves_are_refused(reply: Reply) -> None:
    with pytest.raises(BadAnswer) as found:
        decode_reply(reply, "id")
    assert found.value.request_id == "id"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
fields = st.fixed_dictionaries(
    {"name": json_values, "datatype": st.sampled_from([*DTYPES]) | json_values, "shape": json_values},
    optional={"data": json_values, "parameters": json_values},
)


@settings(max_examples=40)
@given(st.lists(fields, max_size=2), st.binary(max_size=16))
def test_no_answer_raises_anything_else(tensors: list[dict[str, Any]], rest: bytes) -> None:
    try:
        decode_reply(answer(tensors, rest), "id")
    except BadAnswer:
        pass


@settings(max_examples=40)
@given(st.lists(st.floats(width=32), min_size=1, max_size=8))
def test_bfloat16_arrives_rounded_as_the_server_rounds_it(numbers: list[float]) -> None:
    from serving.kernel.tensors import bfloat16_bits

    array = np.array(numbers, np.float32)
    body, length = encode_request({"x": ("BF16", array)}, ())
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.frombuffer(body[length:], "<u2"), bfloat16_bits(array))
