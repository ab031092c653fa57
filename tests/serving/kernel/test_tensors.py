from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serving.kernel.errors import BackendFailed
from serving.kernel.tensors import (
    DTYPES,
    TensorSpec,
    as_text,
    bfloat16_bits,
    from_bfloat16,
    from_wire,
    numpy_dtype,
    row_bytes,
    to_wire,
    zeros,
)


@pytest.mark.parametrize("datatype", sorted(DTYPES))
def test_blank_arrays_fit_their_spec(datatype: str) -> None:
    array = zeros(TensorSpec("x", datatype, (-1, 3, -1)), 5, 7)
    assert array.shape == (5, 3, 7)
    assert array.dtype == numpy_dtype(datatype)


def test_blank_text_is_text() -> None:
    assert zeros(TensorSpec("x", "BYTES", (-1, 1)), 1).tolist() == [[""]]
    assert zeros(TensorSpec("x", "FP32", (-1, 1)), 1).dtype == np.float32


def test_an_unknown_datatype_is_named() -> None:
    with pytest.raises(ValueError, match="'FP8' is not a datatype; allowed: BF16, BOOL"):
        numpy_dtype("FP8")


@given(st.data())
def test_every_array_survives_the_wire(data: st.DataObject) -> None:
    datatype = data.draw(st.sampled_from(sorted(set(DTYPES) - {"BYTES", "BF16"})))
    array = data.draw(arrays.arrays(DTYPES[datatype], arrays.array_shapes(max_dims=3, min_side=0)))
    back = from_wire(datatype, array.shape, bytes(to_wire(datatype, array)))
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


@given(arrays.arrays(np.object_, arrays.array_shapes(max_dims=2, min_side=0), elements=st.text()))
def test_text_survives_the_wire_and_bytes_become_text(array: Any) -> None:
    octets = np.empty(array.shape, object)
    octets[...] = np.frompyfunc(str.encode, 1, 1)(array)
    for given_array in (array, octets):
        assert from_wire("BYTES", array.shape, to_wire("BYTES", given_array)).tolist() == array.tolist()


@pytest.mark.parametrize(
    ("datatype", "raw", "message"),
    [
        ("FP32", b"1234567", "not a whole number of FP32"),
        ("FP32", b"1234", r"1 values for a tensor of shape \[2, 1\]"),
        ("BYTES", b"\x09\0\0\0abc", "end within an element"),
        ("BYTES", b"\x01\0\0\0a", "1 values"),
        ("BF16", b"abc", "not a whole number of BF16"),
    ],
)
def test_bytes_that_are_no_such_tensor_are_refused(datatype: str, raw: bytes, message: str) -> None:
    with pytest.raises(BackendFailed, match=message):
        from_wire(datatype, (2, 1), raw)


def test_views_are_not_copied() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    raw = to_wire("FP32", array)
    assert np.shares_memory(from_wire("FP32", (2, 3), raw), array)
    assert bytes(to_wire("FP32", array.T)) == array.T.tobytes()


@given(arrays.arrays(np.uint32, 64, elements=st.integers(0, 2**32 - 1)))
def test_bfloat16_rounds_as_everybody_does(words: Any) -> None:
    numbers = words.view(np.float32)
    found = from_bfloat16(bfloat16_bits(numbers))
    with np.errstate(invalid="ignore"):
        wanted = numbers.astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(from_bfloat16(bfloat16_bits(found)), found)


def test_rows_have_a_size_where_it_is_known() -> None:
    sizes = {
        ("FP32", (-1, 3, 4)): 48,
        ("BF16", (-1, 3)): 6,
        ("BOOL", (-1,)): 1,
        ("FP32", (-1, -1)): 0,
        ("BYTES", (-1, 1)): 0,
    }
    assert {key: row_bytes(TensorSpec("x", *key)) for key in sizes} == sizes


def test_only_utf_8_is_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        as_text(np.array([b"\xff"], object))
