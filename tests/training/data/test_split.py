from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.split import by_group, by_time, by_time_and_group, check
from training.errors import DataError
from training.recipe import Split


def days(count: int = 100, **columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {"day": pd.date_range("2020-01-01", periods=count), "x": np.arange(count) * 1.5, **columns}
    )


def test_by_time_cuts_and_describes() -> None:
    split = by_time(days(), "day", "2020-02-01", "2020-03-01")
    assert [len(part) for part in (split.train, split.validation, split.test)] == [31, 29, 40]
    assert split.description["rows"] == {"train": 31, "validation": 29, "test": 40}
    assert split.description["kind"] == "time"
    assert split.description["dropped"] == 0


def test_the_embargo_drops_rows_whose_target_is_known_too_late() -> None:
    frame = days()
    frame["known"] = frame["day"] + pd.Timedelta(days=7)
    split = by_time(frame, "day", "2020-02-01", "2020-03-01", until="known")
    assert split.train["known"].max() < pd.Timestamp("2020-02-01")
    assert split.validation["known"].max() < pd.Timestamp("2020-03-01")
    assert split.description["dropped"] == 14


@given(st.integers(3, 97), st.integers(1, 60))
def test_by_time_never_overlaps(first: int, more: int) -> None:
    frame = days(160)
    cuts = frame["day"].iloc[[first, first + more]]
    split = by_time(frame, "day", *cuts)
    assert split.train["day"].max() < split.validation["day"].min()
    assert split.validation["day"].max() < split.test["day"].min()
    assert len(split.train) + len(split.validation) + len(split.test) == len(frame)


def test_by_time_refuses_boundaries_that_leave_a_part_empty() -> None:
    with pytest.raises(DataError, match="the test part is empty"):
        by_time(days(), "day", "2020-02-01", "2030-01-01")
    with pytest.raises(DataError, match="must start before"):
        by_time(days(), "day", "2020-03-01", "2020-02-01")


def grouped(groups: int = 60, rows: int = 5) -> pd.DataFrame:
    names = np.repeat([f"g{n}" for n in range(groups)], rows)
    return pd.DataFrame({"group": names, "x": np.random.default_rng(0).normal(size=len(names))})


def test_by_group_keeps_groups_whole_and_where_they_are() -> None:
    frame = grouped()
    split = by_group(frame, "group")
    parts = [set(part["group"]) for part in (split.train, split.validation, split.test)]
    assert sum(map(len, parts)) == 60
    fewer = by_group(frame[frame["group"] != "g3"], "group")
    assert set(fewer.test["group"]) == parts[2] - {"g3"}


def test_by_group_refuses_rows_that_stand_in_two_parts() -> None:
    frame = grouped()
    split = by_group(frame, "group")
    frame.loc[split.test.index[0], "x"] = frame.loc[split.train.index[0], "x"]
    with pytest.raises(DataError, match="1 rows of test are also in train"):
        by_group(frame, "group")


def test_by_group_refuses_impossible_shares() -> None:
    with pytest.raises(DataError, match="shares"):
        by_group(grouped(), "group", 0.5, 0.5)


def test_check_finds_what_a_recipe_got_wrong() -> None:
    frame = days()
    early, middle, late = frame[:40], frame[40:60], frame[60:]
    fine = Split(train=early, validation=middle, test=late, description={})
    assert check(fine, "day") is fine
    with pytest.raises(DataError, match="train and validation overlap in 'day'"):
        check(Split(train=frame[:50], validation=frame[40:60], test=late, description={}), "day")
    with pytest.raises(DataError, match="are also in train"):
        check(Split(train=early, validation=middle, test=pd.concat([late, early[:3]]), description={}))
    tagged = frame.assign(shop=["a"] * 50 + ["b"] * 50)
    with pytest.raises(DataError, match="share shop 'a'"):
        check(
            Split(train=tagged[:40], validation=tagged[40:60], test=tagged[60:], description={}),
            group_column="shop",
        )


def test_by_time_and_group_keeps_the_last_date_and_whole_groups() -> None:
    frame = pd.DataFrame(
        {
            "start": pd.to_datetime(["2013-02-01", "2013-10-01", "2014-02-01", "2014-10-01"]).repeat(50),
            "student": [f"s{number % 80}" for number in range(200)],
            "x": np.arange(200.0),
        }
    )
    split = by_time_and_group(frame, "start", "2014-10-01", "student", validation=0.3)
    assert set(split.test["start"]) == {pd.Timestamp("2014-10-01")}
    assert not set(split.train["student"]) & set(split.validation["student"])
    assert split.description["rows"] == {
        "train": len(split.train),
        "validation": len(split.validation),
        "test": 50,
    }
    assert 15 < len(split.validation) < 75
    with pytest.raises(DataError, match="share"):
        by_time_and_group(frame, "start", "2014-10-01", "student", validation=1.0)
    with pytest.raises(DataError, match="test part is empty"):
        by_time_and_group(frame, "start", "2030-01-01", "student")
