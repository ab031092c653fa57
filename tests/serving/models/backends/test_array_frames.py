from __future__ import annotations

import numpy as np
import pytest

from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.backends.array_frames import decode_frame, encode_frame

SPECS = (
    TensorSpec("a", "FP32", (-1, 3)),
    TensorSpec("ok", "BOOL", (-1,)),
    TensorSpec("text", "BYTES", (-1, 1)),
    TensorSpec("half", "BF16", (-1, 2)),
    TensorSpec("ids", "INT64", (-1, -1)),
)


def some(rows: int) -> Arrays:
    return {
        "a": np.arange(rows * 3, dtype=np.float32).reshape(rows, 3),
        "ok": np.arange(rows) % 2 == 0,
        "text": np.array([[f"é{i}"] for i in range(rows)], object).reshape(rows, 1),
        "half": np.ones((rows, 2), np.float32),
        "ids": np.arange(rows * 5).reshape(rows, 5),
    }


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_arrays_survive(rows: int) -> None:
    arrays = some(rows)
    back = decode_frame(encode_frame(SPECS, arrays))
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert back[name].shape == array.shape
        assert back[name].tolist() == array.tolist()


def test_numbers_are_read_where_they_lie_and_aligned() -> None:
    frame = encode_frame(SPECS, some(3))
    for name in ("a", "ids"):
        array = decode_frame(frame)[name]
        assert array.flags.aligned
        assert np.shares_memory(array, np.frombuffer(frame, np.uint8))


def test_tensors_that_are_not_there_are_left_out() -> None:
    assert list(decode_frame(encode_frame(SPECS, {"ids": np.zeros((1, 1), np.int64)}))) == ["ids"]
