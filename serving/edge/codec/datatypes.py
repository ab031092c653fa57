"""The datatypes of the Open Inference Protocol and their numpy forms.

numpy has no bfloat16: a BF16 tensor is held as float32, which every bfloat16 fits in exactly. On the wire it is
the upper half of that float32; writing rounds to the nearest, ties to even.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.kernel.errors import Invalid, Malformed
from serving.kernel.tensors import DTYPES, TensorSpec, from_bfloat16

__all__ = [
    "DATATYPES",
    "Datatype",
    "check_range",
    "count_of",
    "datatype_of",
    "from_bytes",
]


@dataclass(frozen=True, slots=True)
class Datatype:
    """One OIP datatype. `size` is bytes per element on the wire, 0 where it varies (BYTES)."""

    name: str
    kind: str
    """`bool`, `int`, `float` or `bytes`."""
    dtype: np.dtype[Any]
    size: int

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest integer. Only for the kind `int`."""
        info = np.iinfo(self.dtype)
        return int(info.min), int(info.max)


KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "O": "bytes"}


def _table() -> dict[str, Datatype]:
    """The backends' datatypes in the byte order of the wire, little-endian."""
    sizes = {"BYTES": 0, "BF16": 2}
    return {
        name: Datatype(name, KINDS[dtype.kind], dtype.newbyteorder("<"), sizes.get(name, dtype.itemsize))
        for name, dtype in DTYPES.items()
    }


DATATYPES: dict[str, Datatype] = _table()
MOST_BESIDE_ZERO = 2**40
"""numpy multiplies the sizes of an array without elements too, without those that are 0."""
OVERFLOWS = {"FP16": 65520.0, "FP32": 2.0**128 - 2.0**103, "FP64": np.inf, "BF16": 2.0**128 - 2.0**119 - 2.0**103}
"""From here on infinity is the nearest, for BF16 by way of float32. The largest value itself may be written longer
than it is: 3.4028235e38 is the shortest decimal that reads as FP32's."""


def datatype_of(name: str, path: str) -> Datatype:
    """The datatype called `name`. Raises `Invalid` naming `path` and what is allowed."""
    found = DATATYPES.get(name)
    if found is None:
        raise Invalid(path, f"{name[:32]!r} is not a datatype; allowed: {', '.join(sorted(DATATYPES))}")
    return found


def count_of(shape: Sequence[int], path: str) -> int:
    """Number of elements. Raises `Invalid` for an empty shape, a negative size, and sizes beyond an array's."""
    if not shape:
        raise Invalid(path, "must hold at least the row axis, for example [1, 4]")
    count = 1
    for axis, size in enumerate(shape):
        if size < 0:
            raise Invalid(f"{path}[{axis}]", f"must be 0 or more, got {size}")
        count *= size
    if not count and math.prod(size or 1 for size in shape) > MOST_BESIDE_ZERO:
        # With other shapes, the data is compared with the count before an array of that size is made.
        raise Invalid(path, "has no elements, and its other sizes are too large for an array")
    return count


def check_range(kind: Datatype, values: npt.NDArray[Any], path: str) -> None:
    """Refuse numbers that `kind` cannot hold. `values` are the numbers before conversion, flat.

    Raises `Invalid` naming the first such element.
    """
    if kind.kind == "int":
        low, high = kind.bounds
        bad = (values < low) | (values > high)
        allowed = f"from {low} to {high}"
    else:
        limit = OVERFLOWS[kind.name]
        bad = np.isfinite(values) & (np.abs(values) >= limit)
        allowed = f"above {-limit:g} and below {limit:g}"
    if bad.any():
        index = int(np.argmax(bad))
        raise Invalid(f"{path}[{index}]", f"{values[index]} does not fit {kind.name}; allowed {allowed}")


def from_bytes(spec: TensorSpec, raw: bytes | memoryview, path: str) -> npt.NDArray[Any]:
    """Wire bytes (little endian, row major) to an array of `spec`; no copy, so the result may be read-only.

    Raises `Malformed` when the bytes are not exactly the tensor.
    """
    kind = DATATYPES[spec.datatype]
    count = count_of(spec.shape, f"{path}.shape")
    if kind.kind == "bytes":
        return _split_bytes(raw, count, path).reshape(spec.shape)
    if len(raw) != count * kind.size:
        raise Malformed(
            f"{path}: {spec.name!r} is {kind.name} of shape {list(spec.shape)} and needs "
            f"{count * kind.size} bytes, got {len(raw)}"
        )
    if kind.name == "BF16":
        return from_bfloat16(np.frombuffer(raw, dtype="<u2")).reshape(spec.shape)
    if kind.kind == "bool":
        octets = np.frombuffer(raw, dtype=np.uint8)
        if octets.size and int(octets.max()) > 1:
            raise Malformed(f"{path}: a BOOL byte is 0 or 1, got {int(octets.max())}")
        return octets.view(np.bool_).reshape(spec.shape)
    values = np.frombuffer(raw, dtype=kind.dtype).reshape(spec.shape)
    return values if values.flags.aligned else values.copy()


def _split_bytes(raw: bytes | memoryview, count: int, path: str) -> npt.NDArray[Any]:
    # Each element takes at least its four length bytes, so nothing larger than the body is allocated.
    if count * 4 > len(raw):
        raise Malformed(f"{path}: {count} BYTES elements need at least {count * 4} bytes, got {len(raw)}")
    view = memoryview(raw)
    values = np.empty(count, dtype=object)
    offset = 0
    for index in range(count):
        length = int.from_bytes(view[offset : offset + 4], "little")
        if offset + 4 > len(view) or offset + 4 + length > len(view):
            raise Malformed(
                f"{path}: BYTES element {index} needs {length} bytes after its length, "
                f"{max(0, len(view) - offset - 4)} are left"
            )
        values[index] = bytes(view[offset + 4 : offset + 4 + length])
        offset += 4 + length
    if offset != len(view):
        raise Malformed(f"{path}: {len(view) - offset} bytes are left after {count} BYTES elements")
    return values
