"""The binary tensor data extension: JSON first, then the tensors' bytes one after the other.

The header `Inference-Header-Content-Length` says where the JSON ends; each tensor without `data` says in
`parameters.binary_data_size` how many of the following bytes are its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from serving.edge.codec.json_tensors import InferInput
from serving.kernel.errors import Invalid, Malformed

__all__ = ["HEADER", "header_length", "slices", "split_body"]

HEADER = "inference-header-content-length"


def header_length(value: str | None, body: int) -> int | None:
    """The length of the JSON part, None where the whole body is JSON. Raises `Malformed`."""
    if value is None:
        return None
    # `isdigit` alone accepts the digits of other scripts too.
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise Malformed(f"{HEADER}: must be a whole number of bytes, got {value[:32]!r}")
    if int(value) > body:
        raise Malformed(f"{HEADER}: says {int(value)} bytes of JSON, the body has {body}")
    return int(value)


def split_body(raw: bytes, length: int | None) -> tuple[bytes | memoryview, memoryview]:
    """The JSON part and the bytes of the tensors, without copying either."""
    view = memoryview(raw)
    return (raw, view[len(raw) :]) if length is None else (view[:length], view[length:])


def slices(inputs: Sequence[InferInput], rest: memoryview) -> list[memoryview | None]:
    """Each tensor's own bytes, None for a tensor with `data`. Raises `Malformed` when sizes do not add up."""
    found: list[memoryview | None] = []
    offset = 0
    for index, tensor in enumerate(inputs):
        path = f"$.inputs[{index}]"
        size = (tensor.parameters or {}).get("binary_data_size")
        if (size is not None) == tensor.has_data:
            raise Malformed(f"{path}: needs either `data` or `parameters.binary_data_size`, {_which(size)}")
        if size is None:
            found.append(None)
            continue
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise Invalid(f"{path}.parameters.binary_data_size", f"must be a whole number >= 0, got {size!r}")
        if offset + size > len(rest):
            raise Malformed(
                f"{path}: {tensor.name!r} has {size} binary bytes according to binary_data_size, "
                f"but only {len(rest) - offset} bytes are left after the JSON"
            )
        found.append(rest[offset : offset + size])
        offset += size
    if offset != len(rest):
        raise Malformed(f"{len(rest) - offset} bytes are left in the body after the last tensor")
    return found


def _which(size: object) -> str:
    return "got neither" if size is None else "got both"
