"""Arrays as one block of bytes, a frame, between a gateway and a model replica; read without a copy.

A frame has a header in MessagePack with names, datatypes, shapes and sizes, then each tensor's raw bytes, aligned.
"""

from __future__ import annotations

import msgspec

from serving.kernel.tensors import Arrays, TensorSpec, from_wire, to_wire

__all__ = ["decode_frame", "encode_frame"]

ALIGNMENT = 16


class _Tensor(msgspec.Struct, array_like=True, frozen=True):
    name: str
    datatype: str
    shape: tuple[int, ...]
    size: int


_HEADER = msgspec.msgpack.Decoder(tuple[_Tensor, ...])


def encode_frame(specs: tuple[TensorSpec, ...], arrays: Arrays) -> bytes:
    """The frame of those tensors of `specs` that are in `arrays`."""
    tensors: list[_Tensor] = []
    body: list[bytes | memoryview] = []
    for spec in specs:
        array = arrays.get(spec.name)
        if array is not None:
            raw = to_wire(spec.datatype, array)
            tensors.append(_Tensor(spec.name, spec.datatype, array.shape, len(raw)))
            body += (raw, bytes(-len(raw) % ALIGNMENT))
    header = msgspec.msgpack.encode(tensors)
    size = len(header).to_bytes(4, "little")
    return b"".join((size, header, bytes(-(4 + len(header)) % ALIGNMENT), *body))


def decode_frame(frame: bytes) -> Arrays:
    """The arrays of a frame, as read-only views of it if their type allows. Raises `BackendFailed`."""
    view = memoryview(frame)
    end = 4 + int.from_bytes(view[:4], "little")
    arrays: Arrays = {}
    start = _aligned(end)
    for tensor in _HEADER.decode(view[4:end]):
        raw = view[start : start + tensor.size]
        arrays[tensor.name] = from_wire(tensor.datatype, tensor.shape, raw)
        start = _aligned(start + tensor.size)
    return arrays


def _aligned(position: int) -> int:
    return position + -position % ALIGNMENT
