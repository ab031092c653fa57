from __future__ import annotations

import pytest

from serving.edge.codec.tensors import check_header, check_inputs, check_outputs
from serving.kernel.errors import Invalid, TooLarge
from serving.kernel.tensors import TensorSpec

SPECS = (TensorSpec("a", "FP32", (-1, 2)), TensorSpec("b", "INT64", (-1,)))


def test_rows() -> None:
    assert check_inputs(SPECS, [TensorSpec("b", "INT64", (3,)), TensorSpec("a", "FP32", (3, 2))]) == 3


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([("a", "FP32", (3, 2))], "input b is missing"),
        (
            [("a", "FP32", (3, 2)), ("b", "INT64", (4,))],
            r"\[1\]\.shape: 4 rows given; the inputs before it have 3",
        ),
        ([("a", "FP32", (3, 3))], r"\[0\]\.shape: \[3, 3\] given; 'a' must be \[-1, 2\]"),
        ([("a", "FP64", (3, 2))], r"\[0\]\.datatype: FP64 given; 'a' must be FP32"),
        ([("c", "FP32", (3, 2))], "'c' is not an input; allowed: a, b"),
    ],
)
def test_refused(given: list[tuple[str, str, tuple[int, ...]]], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        check_inputs(SPECS, [TensorSpec(*row) for row in given])


def test_header_and_outputs() -> None:
    assert check_header("a", "FP32", [1, 2], "$", 5) == TensorSpec("a", "FP32", (1, 2))
    with pytest.raises(TooLarge, match="at most 5 rows"):
        check_header("a", "FP32", [6, 2], "$", 5)
    check_outputs(SPECS, ["b"])
    with pytest.raises(Invalid, match="'z' is not an output; allowed: a, b"):
        check_outputs(SPECS, ["z"])


PAIRS = (
    TensorSpec("a", "FP32", (-1, -1, 2)),
    TensorSpec("b", "INT64", (-1, 3)),
    TensorSpec("c", "INT64", (-1, -1)),
)


def test_free_axes_at_the_same_position_agree() -> None:
    given = [
        TensorSpec("a", "FP32", (1, 5, 2)),
        TensorSpec("b", "INT64", (1, 3)),
        TensorSpec("c", "INT64", (1, 5)),
    ]
    assert check_inputs(PAIRS, given) == 1
    given[2] = TensorSpec("c", "INT64", (1, 4))
    with pytest.raises(Invalid, match=r"\[2\]\.shape: 4 on axis 1 given; the inputs before it have 5"):
        check_inputs(PAIRS, given)


def test_free_axes_of_a_ragged_model_have_sizes_of_their_own_but_rows_have_not() -> None:
    specs = (TensorSpec("a", "FP32", (-1, -1)), TensorSpec("b", "FP32", (-1, -1)))
    given = [TensorSpec("a", "FP32", (2, 5)), TensorSpec("b", "FP32", (2, 3))]
    assert check_inputs(specs, given, ragged=True) == 2
    given[1] = TensorSpec("b", "FP32", (3, 3))
    with pytest.raises(Invalid, match=r"\[1\]\.shape: 3 rows given; the inputs before it have 2"):
        check_inputs(specs, given, ragged=True)
