"""Open Inference Protocol v2 requests and answers as JSON.

`data` may be flat (row major) or nested as the shape says. In floating tensors null stands for NaN, both ways;
infinity is written as null too, since JSON has no form for it. NaN and Infinity are read as Triton reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import GenericAlias
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import orjson

from serving.edge.codec.datatypes import DATATYPES, Datatype, check_range, count_of
from serving.edge.codec.json_literals import spell_out
from serving.kernel.errors import Malformed
from serving.kernel.json_text import decode_json
from serving.kernel.tensors import TensorSpec

__all__ = [
    "InferInput",
    "InferOutput",
    "InferRequest",
    "LiteralRequest",
    "decode_envelope",
    "output_values",
    "tensor_from_json",
]

KINDS: dict[str, Any] = {"bool": bool, "int": int, "float": float | None, "bytes": str}
LITERAL_FLOAT: Any = float | None | Literal["Infinity", "-Infinity"]
"""A float of a text that `spell_out` has changed."""
ABSENT = msgspec.Raw()
Parameters = dict[str, bool | int | float | str | None]


class InferInput(msgspec.Struct):
    """One tensor of a request. Without `data`, its bytes follow the JSON (`binary_data_size`)."""

    name: str
    datatype: str
    shape: list[int]
    parameters: Parameters | None = None
    data: msgspec.Raw = ABSENT

    @property
    def has_data(self) -> bool:
        """Whether the request holds `data` for this tensor; some clients write null where they send bytes."""
        return bytes(memoryview(self.data)[:4]) not in (b"", b"null")


class InferOutput(msgspec.Struct):
    """An output that the caller wants."""

    name: str
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct):
    """The JSON of a v2 inference request. Clients write null for what they leave out."""

    inputs: list[InferInput]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[InferOutput] | None = None


class LiteralRequest(InferRequest):
    """A request whose text had NaN or Infinity; see `spell_out`."""


ENVELOPE = msgspec.json.Decoder(InferRequest)
LITERALS = msgspec.json.Decoder(LiteralRequest)


def decode_envelope(raw: bytes | memoryview) -> InferRequest:
    """The request, with its data as undecoded text. Raises `Malformed` or `Invalid`."""
    try:
        return decode_json(ENVELOPE, raw)
    except Malformed:
        text = spell_out(bytes(raw))
        if text is None:
            raise
    return decode_json(LITERALS, text)


def tensor_from_json(spec: TensorSpec, data: msgspec.Raw, path: str, literals: bool = False) -> npt.NDArray[Any]:
    """`data` as an array of `spec`; `literals`: it is part of a `LiteralRequest`.

    Raises `Malformed` for a wrong count, `Invalid` for an element not allowed."""
    kind = DATATYPES[spec.datatype]
    text = memoryview(data)
    depth = _depth(text)
    if depth not in (1, len(spec.shape)):
        raise Malformed(
            f"{path}: must be a flat list or nested {len(spec.shape)} deep as the shape is, got {depth}"
        )
    values = decode_json(_decoder(kind.kind, depth, literals), text, path)
    shape = (count_of(spec.shape, path),) if depth == 1 else spec.shape
    _check_lengths(values, shape, path, spec)
    return _to_array(kind, values, path).reshape(spec.shape)


def output_values(datatype: str, array: npt.NDArray[Any], name: str) -> msgspec.Raw | list[str]:
    """An output as a flat JSON list, floats as short as their own precision allows.

    Raises `Malformed` for BYTES that are not text.
    """
    if DATATYPES[datatype].kind != "bytes":
        # Encodes numpy's memory without making a Python object of each element.
        flat = np.ascontiguousarray(array).reshape(-1)
        return msgspec.Raw(orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY))
    try:
        return [value.decode() if isinstance(value, bytes) else value for value in array.reshape(-1).tolist()]
    except UnicodeDecodeError as cause:
        raise Malformed(f"output {name!r} is not UTF-8 text; ask for it with binary_data: true") from cause


@lru_cache(maxsize=128)
def _decoder(kind: str, depth: int, literals: bool) -> msgspec.json.Decoder[Any]:
    form: Any = LITERAL_FLOAT if literals and kind == "float" else KINDS[kind]
    for _ in range(depth):
        form = GenericAlias(list, (form,))
    return msgspec.json.Decoder(form)


def _depth(text: memoryview) -> int:
    """Number of brackets at the start of the text, at most one more than any shape may have."""
    head = bytes(text[:256])
    depth = 0
    for byte in head:
        if byte == 0x5B:
            depth += 1
        elif byte not in b" \t\r\n":
            break
    return depth


def _check_lengths(values: Any, shape: Sequence[int], path: str, spec: TensorSpec) -> None:
    if len(values) != shape[0]:
        raise Malformed(f"{path}: shape {list(spec.shape)} wants {shape[0]} elements here, got {len(values)}")
    if len(shape) > 1:
        for index, inner in enumerate(values):
            _check_lengths(inner, shape[1:], f"{path}[{index}]", spec)


def _to_array(kind: Datatype, values: list[Any], path: str) -> npt.NDArray[Any]:
    if kind.kind == "bytes":
        return _objects(values)
    if kind.kind == "bool":
        return np.array(values, dtype=np.bool_).reshape(-1)
    if kind.kind == "float":
        wide = _floats(values)
        if kind.dtype.itemsize < 8:
            check_range(kind, wide, path)
        return wide.astype(kind.dtype)
    try:
        exact = np.array(values, dtype=np.int64).reshape(-1)
    except OverflowError:
        # Numbers beyond INT64 stay exact as Python integers until the range is checked.
        exact = np.array(values, dtype=object).reshape(-1)
    check_range(kind, exact, path)
    return exact.astype(kind.dtype)


def _floats(values: list[Any]) -> npt.NDArray[np.float64]:
    try:
        # A fifth faster than `np.array`, but cannot take a nested list.
        return np.fromiter(values, np.float64, len(values))
    except (TypeError, ValueError):
        return np.array(values, dtype=np.float64).reshape(-1)


def _objects(values: list[Any]) -> npt.NDArray[Any]:
    flat: list[Any] = values
    while flat and isinstance(flat[0], list):
        flat = [item for inner in flat for item in inner]
    array = np.empty(len(flat), dtype=object)
    array[:] = [value.encode() for value in flat]
    return array
