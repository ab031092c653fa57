from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.training.added.truth.made import dataset, rows, truth_of
from training.added.errors import AddError
from training.added.truth.given import take_truth


def test_the_label_is_taken_out_and_rows_without_it_are_left_out() -> None:
    frame = rows(20)
    frame.loc[[3, 7], "churned"] = None
    sample, truth = take_truth(dataset(frame), "churned", time="day", group="who")
    assert "churned" not in sample and len(sample) == len(truth.cells) == len(truth.keys) == 18
    assert (truth.dropped, truth.aside) == (2, ("day", "who"))
    assert sample["a"].tolist() == frame["a"].drop([3, 7]).tolist()
    assert truth.times is not None and truth.times.tolist() == list(range(18))
    assert truth.groups is not None and truth.groups[0] == "customer 0"


def test_keys_are_of_the_content_without_the_label() -> None:
    frame = rows(30)
    frame["count"] = range(30)
    keys = truth_of(frame, "churned").keys
    again = frame.assign(churned="no").sample(frac=1, random_state=1)[list(reversed(frame.columns))]
    assert set(truth_of(again, "churned").keys) == set(keys), "in any order of rows and columns"
    with_gap = pd.concat([frame, frame.head(1).assign(count=np.nan)], ignore_index=True)
    assert truth_of(with_gap, "churned").keys[:30].tolist() == keys.tolist(), (
        "a gap makes decimals of whole numbers"
    )
    assert len(set(keys)) == 30 and not set(truth_of(frame.assign(a=0), "churned").keys) & set(keys)
    lists = pd.DataFrame({"x": [np.array([1, 2]), np.array([1, 3]), np.array([1, 2])], "y": [0, 1, 1]})
    first, second, third = truth_of(lists, "y").keys
    assert first == third != second


@pytest.mark.parametrize(
    ("cells", "places"),
    [
        ([5, 3, 3, 9], [1, 0, 0, 2]),
        (["2024-03-01", "2024-02-10 10:00", "2024-02-10 09:00", "2024-02-10"], [3, 2, 1, 0]),
        (pd.to_datetime(["2024-03-01", "2023-03-01", "2024-03-01", "2025-01-01"]), [1, 0, 1, 2]),
    ],
)
def test_times_are_numbers_or_dates(cells: Any, places: list[int]) -> None:
    times = truth_of(pd.DataFrame({"t": cells, "y": range(4)}), "y", time="t").times
    assert times is not None and times.tolist() == places


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"label": "gone"}, "--label: the sample has no column 'gone'; it has a, b, c"),
        ({"label": "churned", "time": "gone"}, "--time: the sample has no column 'gone'"),
        ({"label": "churned", "group": "gone"}, "--group: the sample has no column 'gone'"),
        ({"label": "churned", "group": "churned"}, "cannot split the rows too"),
        ({"label": "empty"}, "--label: the column 'empty' is empty"),
        ({"label": "churned", "group": "some"}, "--group: 1 labelled rows have an empty 'some'"),
        ({"label": "churned", "time": "who"}, "--time: the column 'who' has 'customer 0'; it must have numbers"),
    ],
)
def test_wrong_columns_are_named(words: dict[str, str], said: str) -> None:
    frame = rows(20).assign(empty=None, some=["x"] * 19 + [None])
    with pytest.raises(AddError, match=said):
        truth_of(frame, **words)


def test_columns_that_give_the_label_away_are_told() -> None:
    frame = rows(200).assign(note=rows(200)["churned"].map({"yes": "left", "no": "stays"}))
    frame["lists"] = [[1, 2]] * 200
    assert truth_of(frame, "churned").telling == {
        "note": "alone predicts 'churned' implausibly well (macro-F1 1.0000)"
    }
    assert truth_of(frame, "churned", group="note").telling == {} == truth_of(frame.head(40), "churned").telling
    frame["double"] = 2 * frame["amount"]
    assert list(truth_of(frame, "amount").telling) == ["double"]
