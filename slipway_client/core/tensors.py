"""Arrays to the binary tensors of the Open Inference Protocol v2, and back.

JSON comes first, then the bytes of the tensors one after the other; the header `Inference-Header-Content-Length`
says where the JSON ends. A BF16 tensor is a float32 array here, because NumPy has no bfloat16.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway_client.core.json_text import decode_object
from slipway_client.core.steps import Reply
from slipway_client.errors import BadAnswer, Invalid
from slipway_client.types import TensorSpec

__all__ = ["DTYPES", "HEADER", "Inferred", "cast", "decode_reply", "encode_request"]

Arrays = dict[str, npt.NDArray[Any]]
HEADER = "inference-header-content-length"
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "BF16": np.dtype("<f4"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(np.object_),
}
"""Datatype -> the dtype of an array that holds it."""


@dataclass(frozen=True)
class Inferred:
    """The outputs of a model by name."""

    outputs: Arrays
    model: str
    version: str


def cast(spec: TensorSpec, given: Any) -> npt.NDArray[Any]:
    """The array with the dtype of the model's input. Raises `Invalid` where that would change values.

    Whole numbers become floats, and floats become shorter ones. Floats do not become whole numbers.
    """
    array = _as_array(spec, given)
    wanted = DTYPES.get(spec.datatype)
    if wanted is None:
        raise Invalid(f"{spec.name!r} is {spec.datatype}, which this client does not know", field=spec.name)
    if spec.datatype == "BYTES":
        if array.dtype.kind not in "USO":
            raise _misfit(spec, array, "convert it with .astype(str)")
        return array
    if array.dtype.kind == "O":
        array = _from_objects(spec, array)
    allowed = {"b": "b", "i": "bui", "u": "bui", "f": "buif"}[wanted.kind]
    if array.dtype.kind not in allowed:
        raise _misfit(spec, array, f"convert it with .astype({wanted.name!r})")
    if wanted.kind in "iu" and array.size:
        bounds = np.iinfo(wanted)
        if int(array.min()) < bounds.min or int(array.max()) > bounds.max:
            raise _misfit(spec, array, f"its values must be from {bounds.min} to {bounds.max}")
    with np.errstate(over="ignore"):
        made = array.astype(wanted, copy=False)
    if wanted.kind == "f" and array.dtype.kind == "f" and (np.isinf(made) & ~np.isinf(array)).any():
        raise _misfit(spec, array, "a value is too large for it")
    return made


def encode_request(
    arrays: Mapping[str, tuple[str, npt.NDArray[Any]]], outputs: Sequence[str]
) -> tuple[bytes, int]:
    """The body for arrays by name, each with its datatype, and the length of its JSON part.

    `outputs` are the names of those to send back, all of them if it is empty.
    """
    described: list[dict[str, Any]] = []
    buffers: list[bytes] = []
    for name, (datatype, array) in arrays.items():
        buffers.append(_to_wire(datatype, array))
        size = {"binary_data_size": len(buffers[-1])}
        described.append({"name": name, "datatype": datatype, "shape": list(array.shape), "parameters": size})
    document: dict[str, Any] = {"inputs": described, "parameters": {"binary_data_output": True}}
    if outputs:
        document["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    text = json.dumps(document, separators=(",", ":")).encode()
    return b"".join([text, *buffers]), len(text)


def decode_reply(reply: Reply, request_id: str) -> Inferred:
    """The outputs of an answer, with bytes or with `data` in JSON. Raises `BadAnswer`."""
    text, rest = _split(reply, request_id)
    document = decode_object(text, request_id)
    outputs: Arrays = {}
    try:
        for tensor in document["outputs"]:
            shape = [int(size) for size in tensor["shape"]]
            size = (tensor.get("parameters") or {}).get("binary_data_size")
            if size is None:
                outputs[str(tensor["name"])] = _from_json(tensor["datatype"], shape, tensor["data"])
                continue
            if not 0 <= size <= len(rest):
                raise ValueError(f"{tensor['name']!r} has {size} bytes, {len(rest)} are left")
            outputs[str(tensor["name"])] = _from_wire(tensor["datatype"], shape, rest[:size])
            rest = rest[size:]
        if rest:
            raise ValueError(f"{len(rest)} bytes follow the last tensor")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as cause:
        raise BadAnswer(f"the tensors of the answer cannot be read: {cause}", request_id=request_id) from cause
    return Inferred(outputs, str(document.get("model_name", "")), str(document.get("model_version", "")))


def _split(reply: Reply, request_id: str) -> tuple[bytes, bytes]:
    length = reply.headers.get(HEADER)
    if length is None:
        return reply.body, b""
    if not (length.isascii() and length.isdigit()) or int(length) > len(reply.body):
        raise BadAnswer(f"{HEADER} is {length!r}, the answer has {len(reply.body)} bytes", request_id=request_id)
    return reply.body[: int(length)], reply.body[int(length) :]


def _misfit(spec: TensorSpec, array: npt.NDArray[Any], advice: str) -> Invalid:
    return Invalid(f"{spec.name!r} is {spec.datatype}, the array is {array.dtype}: {advice}", field=spec.name)


def _as_array(spec: TensorSpec, given: Any) -> npt.NDArray[Any]:
    try:
        masked: Any = given if isinstance(given, np.ma.MaskedArray) else None
        if masked is not None and masked.mask.any():
            # What is masked becomes None: it is not known, and its value means nothing.
            return np.array(masked.tolist(), object)
        return np.asarray(given)
    except ValueError as cause:
        raise Invalid(f"{spec.name!r} must be an array, whose rows are alike: {cause}", field=spec.name) from cause


def _from_objects(spec: TensorSpec, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array of Python numbers, None among them, as one of numbers."""
    try:
        return np.array(array.tolist(), dtype=None if spec.datatype[0] != "F" else np.float64)
    except (TypeError, ValueError) as cause:
        raise Invalid(
            f"{spec.name!r} is {spec.datatype}; the array has other values: {cause}", field=spec.name
        ) from cause


def _to_wire(datatype: str, array: npt.NDArray[Any]) -> bytes:
    if datatype == "BYTES":
        parts: list[bytes] = []
        for value in array.reshape(-1).tolist():
            element = value.encode() if isinstance(value, str) else bytes(value)
            parts += (len(element).to_bytes(4, "little"), element)
        return b"".join(parts)
    values = _bfloat16(array) if datatype == "BF16" else np.ascontiguousarray(array, DTYPES[datatype])
    return values.tobytes()


def _from_wire(datatype: str, shape: Sequence[int], raw: bytes) -> npt.NDArray[Any]:
    if datatype == "BYTES":
        return _texts(_elements(raw)).reshape(shape)
    dtype = np.dtype("<u2") if datatype == "BF16" else DTYPES[datatype]
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{datatype} of shape {list(shape)} needs other than {len(raw)} bytes")
    values = np.frombuffer(raw, dtype).reshape(shape)
    # What is read from bytes cannot be written to; callers own their arrays.
    return (values.astype("<u4") << 16).view("<f4") if datatype == "BF16" else values.copy()


def _from_json(datatype: str, shape: Sequence[int], data: Any) -> npt.NDArray[Any]:
    if datatype == "BYTES":
        made = np.array(data, object)
    else:
        made = (
            np.array(data, np.float64).astype(DTYPES[datatype]) if DTYPES[datatype].kind == "f" else np.array(data)
        )
    return made.astype(DTYPES[datatype]).reshape(shape)


def _elements(raw: bytes) -> list[bytes]:
    found: list[bytes] = []
    start = 0
    while start < len(raw):
        end = start + 4 + int.from_bytes(raw[start : start + 4], "little")
        if end > len(raw):
            raise ValueError("BYTES end within an element")
        found.append(raw[start + 4 : end])
        start = end
    return found


def _texts(elements: list[bytes]) -> npt.NDArray[Any]:
    """Text where all is UTF-8, else bytes."""
    made = np.empty(len(elements), object)
    try:
        made[:] = [element.decode() for element in elements]
    except UnicodeDecodeError:
        made[:] = elements
    return made


def _bfloat16(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The upper halves of float32 words, rounded to the nearest with ties to even; NaN stays NaN."""
    words = np.ascontiguousarray(array, np.float32).view(np.uint32)
    rounded = ((words + np.uint32(0x7FFF) + ((words >> 16) & 1)) >> 16).astype("<u2")
    return np.where(np.isnan(words.view(np.float32)), ((words >> 16) | 0x40).astype("<u2"), rounded)
