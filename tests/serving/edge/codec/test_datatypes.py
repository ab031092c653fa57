from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor, triton_to_np_dtype

from serving.edge.codec.datatypes import DATATYPES, OVERFLOWS, check_range, count_of, datatype_of, from_bytes
from serving.kernel.errors import Invalid, Malformed
from serving.kernel.tensors import TensorSpec, to_wire
from tests.serving.edge.codec.tensors import assert_same, tensors


def test_the_table_is_the_protocols() -> None:
    for name, kind in DATATYPES.items():
        if name not in ("BYTES", "BF16"):
            assert kind.dtype == np.dtype(triton_to_np_dtype(name))
            assert kind.size == kind.dtype.itemsize
    assert len(DATATYPES) == 14


@given(tensors())
def test_bytes_round_trip(tensor: tuple[str, npt.NDArray[Any]]) -> None:
    datatype, array = tensor
    spec = TensorSpec("x", datatype, array.shape)
    assert_same(from_bytes(spec, bytes(to_wire(datatype, array)), "$"), array)


@given(hnp.arrays(np.float32, st.integers(1, 20)))
def test_bf16_rounds_as_ml_dtypes_does(array: npt.NDArray[np.float32]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        theirs = array.astype(ml_dtypes.bfloat16).astype(np.float32)
    ours = from_bytes(TensorSpec("x", "BF16", array.shape), to_wire("BF16", array), "$")
    np.testing.assert_array_equal(ours, theirs)


@given(hnp.arrays(object, st.integers(1, 6), elements=st.binary()))
def test_bytes_are_tritons(array: npt.NDArray[Any]) -> None:
    wire = serialize_byte_tensor(array).item()
    assert to_wire("BYTES", array) == wire
    assert_same(from_bytes(TensorSpec("x", "BYTES", array.shape), wire, "$"), deserialize_bytes_tensor(wire))


def test_no_copy_either_way() -> None:
    raw = np.arange(6, dtype=np.float32).tobytes()
    array = from_bytes(TensorSpec("x", "FP32", (2, 3)), raw, "$")
    assert array.base is not None and not array.flags.writeable
    owned = np.arange(6, dtype=np.float32).reshape(2, 3)
    view = to_wire("FP32", owned)
    assert np.shares_memory(np.frombuffer(view, dtype=np.uint8), owned)


def test_misaligned_memory_is_made_whole() -> None:
    raw = memoryview(b"x" + np.arange(3, dtype=np.float64).tobytes())[1:]
    array = from_bytes(TensorSpec("x", "FP64", (3,)), raw, "$")
    assert array.flags.aligned and array.tolist() == [0.0, 1.0, 2.0]


def test_layout_does_not_matter() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert bytes(to_wire("FP32", array.T)) == np.ascontiguousarray(array.T).tobytes()
    assert bytes(to_wire("FP32", array.astype(">f4"))) == array.tobytes()


@pytest.mark.parametrize(
    ("datatype", "raw", "says"),
    [
        ("FP32", b"\0" * 7, "needs 8 bytes, got 7"),
        ("BOOL", b"\0\2", "0 or 1, got 2"),
        ("BYTES", b"\1\0\0\0a\5\0\0\0b", "element 1 needs 5 bytes after its length, 1 are left"),
        ("BYTES", b"\0\0\0\0\0\0\0\0\0", "1 bytes are left"),
        ("BYTES", b"\0" * 7, "at least 8 bytes, got 7"),
        ("BYTES", b"\6\0\0\0abcdef\0", "element 1"),
    ],
)
def test_wrong_bytes(datatype: str, raw: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        from_bytes(TensorSpec("x", datatype, (2,)), raw, "$.x")


def test_a_huge_shape_takes_no_memory() -> None:
    with pytest.raises(Malformed, match="at least"):
        from_bytes(TensorSpec("x", "BYTES", (2**60,)), b"", "$")
    with pytest.raises(Malformed, match="needs"):
        from_bytes(TensorSpec("x", "FP32", (2**60,)), b"", "$")


@pytest.mark.parametrize("datatype", [name for name, kind in DATATYPES.items() if kind.kind == "int"])
def test_integer_bounds(datatype: str) -> None:
    kind = DATATYPES[datatype]
    low, high = kind.bounds
    check_range(kind, np.array([low, high], dtype=object), "$")
    for value in (low - 1, high + 1):
        with pytest.raises(
            Invalid, match=rf"^\$\[1\]: {value} does not fit {datatype}; allowed from {low} to {high}"
        ):
            check_range(kind, np.array([0, value], dtype=object), "$")


@pytest.mark.parametrize(
    ("datatype", "theirs"), [("FP16", np.float16), ("FP32", np.float32), ("BF16", ml_dtypes.bfloat16)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_fits_as_long_as_it_is_not_rounded_to_infinity(datatype: str, theirs: Any, sign: int) -> None:
    kind, largest = DATATYPES[datatype], float(ml_dtypes.finfo(theirs).max)
    shortest = float(str(np.asarray(largest, np.float16 if datatype == "FP16" else np.float32)))
    below = np.nextafter(OVERFLOWS[datatype], 0.0)
    fits = np.array([np.nan, np.inf, largest, shortest, below]) * sign
    check_range(kind, fits, "$")
    first = np.array([OVERFLOWS[datatype] * sign])
    with np.errstate(over="ignore"):
        # As the wire has it: BF16 comes from float32.
        held = [row.astype(np.float32) if datatype == "BF16" else row for row in (fits, first)]
        narrow, over = (row.astype(theirs).astype(np.float64) for row in held)
    np.testing.assert_array_equal(narrow[2:], [sign * largest] * 3)
    assert np.isinf(over).all()
    with pytest.raises(Invalid, match=rf"^\$\[0\]: .* does not fit {datatype}; allowed above -.* and below "):
        check_range(kind, first, "$")


def test_names_and_shapes() -> None:
    assert count_of((2, 3), "$") == 6
    with pytest.raises(Invalid, match="row axis"):
        count_of((), "$")
    for shape in ((1, 0, 2**62), (2**62, 0), (0, 2**21, 2**21), (0, 10**30)):
        with pytest.raises(Invalid, match="has no elements, and its other sizes are too large for an array"):
            count_of(shape, "$")
    for shape in ((1, 0, 2**40), (0, 2**20, 2**20), (0, 0)):
        assert count_of(shape, "$") == np.zeros(shape, np.float64).size == 0
    with pytest.raises(Invalid, match="FLOAT.*allowed.*FP32"):
        datatype_of("FLOAT", "$")
