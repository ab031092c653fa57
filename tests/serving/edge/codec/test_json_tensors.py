from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.edge.codec.datatypes import DATATYPES
from serving.edge.codec.json_tensors import LiteralRequest, decode_envelope, output_values, tensor_from_json
from serving.kernel.errors import Invalid, Malformed
from serving.kernel.tensors import TensorSpec
from tests.serving.edge.codec.tensors import assert_same, tensors


def read(datatype: str, shape: tuple[int, ...], data: str) -> npt.NDArray[Any]:
    return tensor_from_json(TensorSpec("x", datatype, shape), msgspec.Raw(data.encode()), "$.d")


@given(tensors(json=True))
def test_flat_round_trip(tensor: tuple[str, npt.NDArray[Any]]) -> None:
    datatype, array = tensor
    text = msgspec.json.encode(output_values(datatype, array, "x")).decode()
    assert_same(read(datatype, array.shape, text), array)


@given(tensors(json=True), st.sampled_from(["", " ", "\n\t"]))
def test_nested_round_trip(tensor: tuple[str, npt.NDArray[Any]], space: str) -> None:
    datatype, array = tensor
    nested = array if array.dtype != object else np.vectorize(bytes.decode, otypes=[object])(array)
    text = msgspec.json.encode(nested.tolist()).decode()
    text = text.replace("[", f"{space}[{space}") if datatype != "BYTES" else space + text
    assert_same(read(datatype, array.shape, text), array)


@given(st.integers(), st.sampled_from([name for name, kind in DATATYPES.items() if kind.kind == "int"]))
def test_integers_fit_or_are_refused(value: int, datatype: str) -> None:
    low, high = DATATYPES[datatype].bounds
    if low <= value <= high:
        assert read(datatype, (1,), f"[{value}]").tolist() == [value]
    else:
        with pytest.raises(Invalid, match=r"^\$\.d\[0\]: .* does not fit"):
            read(datatype, (1,), f"[{value}]")


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP32", "FP64"])
def test_null_is_nan(datatype: str) -> None:
    assert np.isnan(read(datatype, (2,), "[null,1]")).tolist() == [True, False]
    assert msgspec.json.encode(output_values(datatype, np.array([np.nan, 1.0]), "x")) == b"[null,1.0]"


@pytest.mark.parametrize(
    ("datatype", "data", "kind", "says"),
    [
        ("FP32", '["1",2]', Invalid, r"\$\.d\[0\]: got a string; allowed: a number or null"),
        ("FP32", "[1,[2]]", Invalid, r"\$\.d\[1\]: got a list"),
        ("FP32", "[true,1]", Invalid, "got true or false"),
        ("FP16", "[1,70000]", Invalid, r"\$\.d\[1\]: 70000.0 does not fit FP16"),
        ("INT32", "[1,2.5]", Invalid, "got a number with a decimal point; allowed: a whole number"),
        ("INT32", "[1,null]", Invalid, "got null; allowed: a whole number"),
        ("UINT8", "[1,-1]", Invalid, "-1 does not fit UINT8; allowed from 0 to 255"),
        ("BOOL", "[1,0]", Invalid, "got a whole number; allowed: true or false"),
        ("BYTES", "[1,2]", Invalid, "got a whole number; allowed: text"),
        ("FP32", "[1]", Malformed, "wants 2 elements here, got 1"),
        ("FP32", "[1,2", Malformed, "ends too early"),
        ("FP32", "[[1,2]]", Malformed, "flat list or nested 1 deep"),
        ("FP32", "7", Malformed, "flat list"),
    ],
)
def test_refused(datatype: str, data: str, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        read(datatype, (2,), data)


@pytest.mark.parametrize("datatype", [name for name, kind in DATATYPES.items() if kind.kind == "int"])
@pytest.mark.parametrize("data", ["[1,2.0]", "[1e0,2]", "[[1.0],[20e-1]]"])
def test_integers_may_be_written_with_a_point(datatype: str, data: str) -> None:
    array = tensor_from_json(TensorSpec("x", datatype, (2, 1)), msgspec.Raw(data.encode()), "$.d")
    assert array.reshape(-1).tolist() == [1, 2] and array.dtype == DATATYPES[datatype].dtype


def test_sizes_may_be_written_with_a_point() -> None:
    raw = b'{"inputs":[{"name":"x","datatype":"INT64","shape":[2.0,1],"data":[1e0,9007199254740993]}]}'
    (one,) = decode_envelope(raw).inputs
    assert one.shape == [2, 1]
    array = tensor_from_json(TensorSpec("x", "INT64", (2, 1)), one.data, "$.d")
    assert array.reshape(-1).tolist() == [1, 9007199254740993]


def test_ragged_and_wrong_nesting() -> None:
    with pytest.raises(Malformed, match=r"\$\.d\[1\]: .* wants 2 elements"):
        read("FP32", (2, 2), "[[1,2],[3]]")
    with pytest.raises(Malformed, match="nested 3 deep"):
        read("FP32", (1, 2, 1), "[[1,2]]")


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(Malformed, match="binary_data"):
        output_values("BYTES", np.array([b"\xff"], dtype=object), "x")
    assert output_values("BYTES", np.array([b"a", "b"], dtype=object), "x") == ["a", "b"]


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_with_our_errors(raw: bytes) -> None:
    with pytest.raises((Malformed, Invalid)):
        decode_envelope(raw)


def one_tensor(datatype: str, shape: list[int], data: str) -> bytes:
    """A request whose data is this text."""
    tensor = {"name": "x", "datatype": datatype, "shape": shape, "data": "@"}
    return json.dumps({"inputs": [tensor]}).replace('"@"', data).encode()


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP32", "FP64"])
@pytest.mark.parametrize("data", ["[NaN,Infinity,-Infinity,1]", "[[NaN,Inf],[-Inf,1.0]]"])
def test_nan_and_infinity_as_triton_reads_them(datatype: str, data: str) -> None:
    request = decode_envelope(one_tensor(datatype, [2, 2], data))
    assert isinstance(request, LiteralRequest)
    array = tensor_from_json(TensorSpec("x", datatype, (2, 2)), request.inputs[0].data, "$.d", literals=True)
    np.testing.assert_array_equal(array, [[np.nan, np.inf], [-np.inf, 1.0]])


@pytest.mark.parametrize(("datatype", "data"), [("INT32", "[NaN]"), ("INT32", "[Infinity]"), ("BOOL", "[NaN]")])
def test_other_datatypes_have_no_such_values(datatype: str, data: str) -> None:
    request = decode_envelope(one_tensor(datatype, [1], data))
    with pytest.raises(Invalid, match="allowed: "):
        tensor_from_json(TensorSpec("x", datatype, (1,)), request.inputs[0].data, "$.d", literals=True)
