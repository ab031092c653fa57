"""Rows to try a model with: those of a sample, or made ones that fit its inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.kernel.tensors import Arrays, numpy_dtype
from training.added.graphs.read import Tensor

__all__ = ["KINDS", "Kind", "head", "made_rows", "row_size"]

WORDS = ("", "a", "row", "Slipway", "0", "yes")


@dataclass(frozen=True)
class Kind:
    """One way to fill integers; a graph may take them as indices, flags or counts."""

    name: str
    low: int
    high: int


KINDS = (Kind("from 0 to 9", 0, 9), Kind("0 or 1", 0, 1), Kind("1", 1, 1), Kind("0", 0, 0))
"""In the order in which they are tried: an embedding has few rows, and a mask of zeros hides everything."""
MASK = KINDS[1]


def head(arrays: Arrays, count: int) -> Arrays:
    """The first `count` rows."""
    return {name: array[:count] for name, array in arrays.items()}


def made_rows(
    inputs: Sequence[Tensor],
    rows: int,
    length: int,
    kind: Kind,
    seed: int = 7,
    lengths: Mapping[str, int] | None = None,
) -> Arrays:
    """`rows` rows for inputs whose first axis is the row axis.

    Free axes have the sizes of `lengths` by their name, or else the size `length`. The same arguments make the
    same rows.
    """
    rng = np.random.default_rng(seed)
    named = lengths or {}
    made = {}
    for item in inputs:
        sizes = item.shape or ()
        shape = (rows, *(named.get(size, length) if isinstance(size, str) else size for size in sizes[1:]))
        # A mask hides by 0 and shows by 1, whatever other integers mean.
        own = MASK if kind.high > 1 and "mask" in item.name.lower() else kind
        made[item.name] = _filled(rng, shape, item.datatype, own)
    return made


def row_size(inputs: Sequence[Tensor], length: int) -> int:
    """The values of one made row."""
    sizes = [[length if isinstance(size, str) else size for size in (item.shape or ())[1:]] for item in inputs]
    return sum(math.prod(one) for one in sizes)


def _filled(rng: np.random.Generator, shape: tuple[int, ...], datatype: str, kind: Kind) -> npt.NDArray[Any]:
    if datatype == "BYTES":
        words = np.empty(int(np.prod(shape)), object)
        words[:] = [WORDS[index] for index in rng.integers(0, len(WORDS), words.size)]
        return words.reshape(shape)
    dtype = numpy_dtype(datatype)
    if dtype.kind == "f":
        # Half the time of 64-bit numbers; a picture has a million.
        return rng.standard_normal(shape, np.float32).astype(dtype, copy=False)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    return rng.integers(kind.low, kind.high + 1, shape).astype(dtype)
