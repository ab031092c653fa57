"""Datatypes of the Open Inference Protocol (OIP) as numpy dtypes, and arrays as bytes between processes.

numpy has no bfloat16. In this process a BF16 tensor is a float32 array, which represents every bfloat16 exactly.
It is rounded to bfloat16, to the nearest with ties to even, when it leaves the process: for ONNX Runtime, for
Triton or for the client. A BYTES tensor is an array of objects: text, or bytes if a door received bytes. Models
answer text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from serving.kernel.errors import BackendFailed

__all__ = [
    "DTYPES",
    "Arrays",
    "TensorSpec",
    "as_text",
    "bfloat16_bits",
    "from_bfloat16",
    "from_wire",
    "numpy_dtype",
    "row_bytes",
    "to_wire",
    "zeros",
]

Arrays = dict[str, npt.NDArray[Any]]
"""Arrays by name; the first axis of each is the row axis."""

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "BF16": np.dtype(np.float32),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}


class TensorSpec(msgspec.Struct, frozen=True):
    """One input or output of a model.

    `datatype` is a name of the Open Inference Protocol (`FP32`, `INT64`, `BYTES`, ...). `shape` starts with -1 for
    the row axis, for example `(-1, 42)`.
    Another -1 is a free axis; free axes at the same position have the same size in all inputs of a request, unless
    the app is `ragged`.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


def numpy_dtype(datatype: str) -> np.dtype[Any]:
    """The numpy dtype of an OIP datatype; float32 for BF16. Raises `ValueError` naming what is allowed."""
    dtype = DTYPES.get(datatype)
    if dtype is None:
        raise ValueError(f"{datatype!r} is not a datatype; allowed: {', '.join(sorted(DTYPES))}")
    return dtype


def zeros(spec: TensorSpec, rows: int, length: int = 1) -> npt.NDArray[Any]:
    """Zeros (empty text for BYTES) that fit `spec`: `rows` rows, and every free axis of size `length`."""
    shape = (rows, *(length if size == -1 else size for size in spec.shape[1:]))
    dtype = numpy_dtype(spec.datatype)
    return np.full(shape, "" if dtype == np.object_ else 0, dtype)


def row_bytes(spec: TensorSpec) -> int:
    """The number of raw bytes in one row; 0 if it varies."""
    if spec.datatype == "BYTES" or -1 in spec.shape[1:]:
        return 0
    return math.prod(spec.shape[1:]) * (2 if spec.datatype == "BF16" else numpy_dtype(spec.datatype).itemsize)


def to_wire(datatype: str, array: npt.NDArray[Any]) -> bytes | memoryview:
    """An array as OIP's raw bytes; a view of its memory if the layout allows it."""
    if datatype == "BYTES":
        return _join(array)
    values = bfloat16_bits(array) if datatype == "BF16" else np.ascontiguousarray(array, numpy_dtype(datatype))
    return values.reshape(-1).view(np.uint8).data


def from_wire(datatype: str, shape: Sequence[int], raw: bytes | memoryview) -> npt.NDArray[Any]:
    """OIP's raw bytes as an array: a read-only view if the type allows it, text for BYTES.

    Raises `BackendFailed` if the bytes do not have exactly this datatype and shape.
    """
    if datatype == "BYTES":
        values: npt.NDArray[Any] = as_text(_split(raw))
        size = len(values)
    else:
        dtype = np.dtype(np.uint16) if datatype == "BF16" else numpy_dtype(datatype)
        size, rest = divmod(len(raw), dtype.itemsize)
        if rest:
            raise BackendFailed(f"the model server sent {len(raw)} bytes, not a whole number of {datatype} values")
        values = np.frombuffer(raw, dtype)
        values = from_bfloat16(values) if datatype == "BF16" else values
    if size != math.prod(shape):
        raise BackendFailed(f"the model server sent {size} values for a tensor of shape {list(shape)}")
    return values.reshape(shape)


def bfloat16_bits(array: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """The upper halves of float32 words, rounded to the nearest with ties to even; NaN stays NaN."""
    words = np.ascontiguousarray(array, np.float32).view(np.uint32)
    odd = (words >> 16) & 1
    # The addition may carry into the exponent. For NaN it could overflow the word, so NaN is truncated instead.
    rounded = ((words + np.uint32(0x7FFF) + odd) >> 16).astype(np.uint16)
    cut = ((words >> 16) | 0x40).astype(np.uint16)
    return np.where(np.isnan(words.view(np.float32)), cut, rounded)


def from_bfloat16(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """The float32 numbers that bfloat16 bits represent."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def as_text(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array with bytes decoded as text. Raises `UnicodeDecodeError` for bytes that are not UTF-8."""
    values = array.reshape(-1).tolist()
    text = np.empty(len(values), object)
    text[:] = [value.decode() if isinstance(value, bytes) else value for value in values]
    return text.reshape(array.shape)


def _join(array: npt.NDArray[Any]) -> bytes:
    parts: list[bytes] = []
    for value in array.reshape(-1).tolist():
        element = value.encode() if isinstance(value, str) else bytes(value)
        parts += (len(element).to_bytes(4, "little"), element)
    return b"".join(parts)


def _split(raw: bytes | memoryview) -> npt.NDArray[Any]:
    values: list[bytes] = []
    start = 0
    while start < len(raw):
        end = start + 4 + int.from_bytes(raw[start : start + 4], "little")
        if end > len(raw):
            raise BackendFailed("the model server sent BYTES that end within an element")
        values.append(bytes(raw[start + 4 : end]))
        start = end
    split = np.empty(len(values), object)
    split[:] = values
    return split
