"""Hypothesis strategies of tensors of every datatype, and apps that take and give just one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.edge.codec.datatypes import DATATYPES
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec
from tests.serving.edge.toy import every

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5)


def app_of(datatype: str, dims: int) -> App[Any, Any, Any]:
    """An app with one input `x` and one output `x`, any size on every axis."""
    spec = TensorSpec("x", datatype, (-1,) * dims)
    return replace(every, inputs=(spec,), outputs=(spec,))


@st.composite
def tensors(draw: st.DrawFn, json: bool = False) -> tuple[str, npt.NDArray[Any]]:
    """A datatype and an array of it. `json` leaves out what JSON cannot say: infinity, binary."""
    datatype = draw(st.sampled_from(sorted(DATATYPES)))
    shape = draw(SHAPES)
    kind = DATATYPES[datatype]
    if kind.kind == "bytes":
        texts = st.text().map(str.encode)
        return datatype, draw(hnp.arrays(object, shape, elements=texts if json else st.binary(max_size=9)))
    if datatype == "BF16":
        words = draw(hnp.arrays(np.uint16, shape))
        array = (words.astype(np.uint32) << 16).view(np.float32)
        return datatype, np.where(np.isinf(array), np.float32(1), array) if json else array
    elements = {"allow_infinity": False} if json and kind.kind == "float" else {}
    return datatype, draw(hnp.arrays(kind.dtype, shape, elements=elements))


def assert_same(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> None:
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    if left.dtype == object:
        assert left.tolist() == right.tolist()
    else:
        np.testing.assert_array_equal(left, right)
