from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from training.added.errors import AddError
from training.added.truth.labels import classes_of, codes_of, numbers_of


@pytest.mark.parametrize(
    ("cells", "names", "found"),
    [
        (["yes", " no", "yes"], ("no", "yes"), [1, 0, 1]),
        ([1, 3], ("1", "2", "3"), [0, 2]),
        ([1.0, 3.0], ("1", "2", "3"), [0, 2]),
        ([0, 2], ("x", "y", "z"), [0, 2]),
        (["0", "2"], ("x", "y", "z"), [0, 2]),
        ([True, False], ("False", "True"), [1, 0]),
        ([True, False], ("false", "true"), [1, 0]),
        ([True, False], ("0", "1"), [1, 0]),
    ],
)
def test_cells_are_names_of_classes_or_their_numbers(cells: Any, names: tuple[str, ...], found: list[int]) -> None:
    assert classes_of("y", pd.Series(cells), names).tolist() == found


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["yes", "maybe"], "has 'maybe', which is not a class of the model; its classes are no, yes. Correct"),
        ([0, 1, 2, 3], "has '0', '1', '2', '3', which are not classes"),
        (list("abcdefg"), "has 'a', 'b', 'c', 'd', 'e' and 2 more"),
        ([0.5, 1], "has '0.5', '1'"),
        ([True, False], "has 'False', 'True', which are not classes"),
    ],
)
def test_unknown_classes_are_named(cells: Any, said: str) -> None:
    with pytest.raises(AddError, match=f"--label: the column 'y' {said}"):
        classes_of("y", pd.Series(cells), ("no", "yes"))


def test_codes_are_whole_numbers_from_0() -> None:
    for cells, codes in (
        ([0, 2.0], [0, 2]),
        ([True, False], [1, 0]),
        (pd.Series([True, False], dtype=object), [1, 0]),
    ):
        found = codes_of(pd.Series(cells))
        assert found is not None and found.tolist() == codes
    for cells in ([0.5, 1], [-1, 1], [0, 5000], ["0", "1"], [0, float("inf")]):
        assert codes_of(pd.Series(cells)) is None


def test_numbers_may_be_text_but_no_words() -> None:
    assert numbers_of("y", pd.Series(["1.5", "2"])).tolist() == [1.5, 2]
    for wrong in ("much", float("inf")):
        with pytest.raises(AddError, match=f"has {wrong!r}; the model answers numbers"):
            numbers_of("y", pd.Series([1, wrong]))
