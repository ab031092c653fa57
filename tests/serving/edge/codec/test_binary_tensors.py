from __future__ import annotations

from typing import Any

import pytest

from serving.edge.codec.binary_tensors import header_length, slices, split_body
from serving.edge.codec.json_tensors import InferInput
from serving.kernel.errors import Invalid, Malformed


def tensor(size: Any) -> InferInput:
    return InferInput("x", "FP32", [1], {"binary_data_size": size})


def test_each_tensor_gets_its_own_bytes() -> None:
    found = slices([tensor(1), tensor(0), tensor(2)], memoryview(b"abc"))
    assert [bytes(part) for part in found if part is not None] == [b"a", b"", b"bc"]


@pytest.mark.parametrize(
    ("sizes", "says"), [((1, 3), "only 2 bytes are left"), ((1,), "2 bytes are left in the body")]
)
def test_sizes_must_add_up(sizes: tuple[int, ...], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        slices([tensor(size) for size in sizes], memoryview(b"abc"))


def test_size_is_a_number() -> None:
    with pytest.raises(Invalid, match="binary_data_size: must be a whole number"):
        slices([tensor("3")], memoryview(b"abc"))


def test_the_split_copies_nothing() -> None:
    raw = b"{}tail"
    text, rest = split_body(raw, header_length("2", len(raw)))
    assert bytes(text) == b"{}" and bytes(rest) == b"tail"
    assert isinstance(text, memoryview) and text.obj is raw and rest.obj is raw
    assert split_body(raw, header_length(None, len(raw)))[0] is raw


@pytest.mark.parametrize("value", ["", "x", "-1", "1.0", "7", "\u0663", "1" * 20])
def test_wrong_lengths(value: str) -> None:
    with pytest.raises(Malformed, match="inference-header-content-length"):
        header_length(value, 6)
