from __future__ import annotations

from collections import OrderedDict, UserDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from slipway_client import Answers, BadAnswer, Invalid
from slipway_client.core.rows import column, rows_of


@dataclass
class Question:
    a: int


@pytest.mark.parametrize(
    ("given", "count", "part"),
    [
        ({"a": 1}, 1, [{"a": 1}]),
        (UserDict({"a": 1}), 1, [{"a": 1}]),
        (Question(1), 1, [Question(1)]),
        ([{"a": 1}, OrderedDict(a=2)], 2, [{"a": 1}, {"a": 2}]),
        ([[1, 2], (3, 4)], 2, [[1, 2], (3, 4)]),
        ([np.array([1, 2])], 1, [[1, 2]]),
        (("x", "y"), 2, ["x", "y"]),
        (np.array([[1, 2], [3, 4]]), 2, [[1, 2], [3, 4]]),
        (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), 2, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
    ],
)
def test_rows_of_every_form(given: Any, count: int, part: list[Any]) -> None:
    rows = rows_of(given)
    assert rows.count == count
    assert rows.part(0, count) == part
    assert rows.part(count - 1, count) == part[-1:]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("text", "got str"),
        (b"bytes", "got bytes"),
        (7, "got int"),
        (None, "got NoneType"),
        ({1, 2}, "got set"),
        (Question, "got type"),
        ([], "at least 1 row"),
        (np.zeros((0, 2)), "at least 1 row"),
        (pd.DataFrame({"a": []}), "at least 1 row"),
        (np.zeros(3), r"rows.reshape\(1, -1\) is one row"),
        (np.array(3), "row axis"),
        (pd.DataFrame([[1, 2]]), "must have text as names, got 0"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' is there twice"),
    ],
)
def test_what_is_no_row_is_refused(given: Any, message: str) -> None:
    with pytest.raises(Invalid, match=message) as found:
        rows_of(given)
    assert found.value.field == "rows"


def test_answers_have_the_form_of_the_rows() -> None:
    answers = Answers([{"p": 0.5, "l": "x"}, {"p": 1.5, "l": "y"}], model="m", version="3", request_id="id")
    assert rows_of({"a": 1}).shaped(answers) == {"p": 0.5, "l": "x"}
    assert rows_of([1, 2]).shaped(answers) is answers
    arrays = rows_of(np.zeros((2, 2))).shaped(answers)
    assert arrays["p"].tolist() == [0.5, 1.5] and arrays["l"].tolist() == ["x", "y"]
    single = rows_of(np.zeros((2, 2))).shaped(Answers([{"p": 1.0}, {"p": 2.0}]))
    assert single.tolist() == [1.0, 2.0]
    assert rows_of(np.zeros((2, 2))).shaped(Answers([1, 2])).tolist() == [1, 2]


@pytest.mark.parametrize("rows", [pd.DataFrame({"a": [1, 2]}), np.zeros((2, 2))])
def test_answers_that_are_no_objects_have_no_columns(rows: Any) -> None:
    with pytest.raises(BadAnswer, match="answer 1 is int and not an object, so it has no columns") as found:
        rows_of(rows).shaped(Answers([{"p": 1}, 2], request_id="id"))
    assert found.value.request_id == "id"


def test_a_frame_of_pandas_keeps_its_index_and_says_who_answered() -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=["x", "y"])
    found = rows_of(frame).shaped(Answers([{"p": 1}, {"p": 2}], model="m", version="3", request_id="id"))
    pd.testing.assert_frame_equal(found, pd.DataFrame({"p": [1, 2]}, index=["x", "y"]))
    assert found.attrs == {"model": "m", "version": "3", "request_id": "id"}


def test_a_frame_of_polars_comes_back_as_one() -> None:
    polars = pytest.importorskip("polars")
    rows = rows_of(polars.DataFrame({"a": [1, None], "b": ["x", "y"]}))
    assert rows.part(1, 2) == [{"a": None, "b": "y"}]
    found = rows.shaped(Answers([{"p": 1}, {"p": 2.5}]))
    assert isinstance(found, polars.DataFrame) and found["p"].to_list() == [1.0, 2.5]


def test_a_column_of_mixed_values_is_one_of_objects() -> None:
    assert column([1, 2.5]).dtype == np.float64
    assert column(["a", "bc"]).dtype.kind == "U"
    assert column([None, 1]).tolist() == [None, 1]
    assert column([[1, 2], [3]]).tolist() == [[1, 2], [3]]
    assert column([[1, 2], [3, 4]]).dtype == object
