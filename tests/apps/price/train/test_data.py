from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pandera.errors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaError

from apps.price.train.data import FORBIDDEN, SCHEMA, add_reference, cut, groups_of, tidy
from tests.apps.price.tables import plain
from training.data.read import from_files
from training.errors import DataError
from training.recipe import RecipeOptions

ONION = RecipeOptions(select={"commodity": "onion"})


def agmarknet(**columns: list[object]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "MANDINAME": ["B", "A", "A", "A"],
            "DATE": ["2019-01-02", "2019-01-02", "2019-01-01", "2019-01-02"],
            "ARRIVAL": [3.0, 1.0, 2.0, 4.0],
            "MIN": [1, 1, 1, 1],
            "MAX": [9, 9, 9, 9],
            "PRICE": [500.0, 600.0, 700.0, 650.0],
            "MANDICODE": [1.0, 2.0, 2.0, 2.0],
        }
    )
    return frame.assign(**columns)


def test_agmarknet_becomes_one_row_per_market_and_day() -> None:
    frame = tidy(agmarknet(), ONION)
    assert frame["market"].tolist() == ["A", "A", "B"]
    assert frame["price"].tolist() == [700.0, 650.0, 500.0], "the later row of a day wins"
    assert set(frame["commodity"]) == {"onion"}
    assert frame.attrs["dropped"] == {"without a price": 0, "repeated market and date": 1}
    SCHEMA.validate(frame)


def test_the_days_lowest_and_highest_price_are_gone() -> None:
    assert not set(tidy(agmarknet(), ONION).columns) & set(FORBIDDEN)
    with pytest.raises(pandera.errors.SchemaErrors):
        SCHEMA.validate(tidy(agmarknet(), ONION).assign(MAX=9.0), lazy=True)


def test_rows_without_a_price_are_dropped_and_counted() -> None:
    frame = tidy(agmarknet(PRICE=[500.0, None, 700.0, 650.0]), ONION)
    assert frame.attrs["dropped"] == {"without a price": 1, "repeated market and date": 0}
    assert frame["price"].tolist() == [700.0, 650.0, 500.0]


def test_agmarknet_without_a_commodity_asks_for_one() -> None:
    with pytest.raises(DataError, match="--commodity"):
        tidy(agmarknet(), RecipeOptions())


def test_an_unknown_layout_names_those_that_are_known() -> None:
    with pytest.raises(DataError, match="MANDINAME, DATE, PRICE, ARRIVAL"):
        tidy(pd.DataFrame({"a": [1]}), ONION)


def test_a_commodity_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError, match="'leek'; the table has: onion"):
        tidy(plain(), RecipeOptions(select={"commodity": "leek"}))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("DATE", ["2019-01-02", "soon", "2019-01-01", "2019-01-03"], "row 1, column 'date': found 'soon'"),
        ("PRICE", ["1", "2", "three", "4"], "row 2, column 'price': found 'three'"),
    ],
)
def test_a_value_that_cannot_be_read_is_named(column: str, values: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        tidy(agmarknet(**{column: values}), ONION)


@pytest.mark.parametrize(
    ("column", "value"), [("price", 0.0), ("price", 1e9), ("arrival", -1.0), ("state", "Karnatak"), ("crude", 0.0)]
)
def test_the_schema_refuses_what_is_out_of_range(column: str, value: object) -> None:
    frame = tidy(plain().assign(crude=60.0, state="Karnataka"), RecipeOptions())
    SCHEMA.validate(frame)
    frame.loc[frame.index[3], column] = value
    with pytest.raises(pandera.errors.SchemaErrors):
        SCHEMA.validate(frame, lazy=True)


def test_the_reference_is_made_of_the_other_markets() -> None:
    frame = tidy(plain(markets=4), RecipeOptions())
    row = frame.iloc[5]
    others = frame[(frame["date"] == row["date"]) & (frame["market"] != row["market"])]
    weights = np.log1p(others["arrival"]) + 0.1
    expected = np.exp((np.log(others["price"]) * weights).sum() / weights.sum())
    assert row["reference"] == pytest.approx(expected)
    assert groups_of(frame) == ("reference",)


def test_a_price_below_zero_is_left_to_the_schema_which_names_its_row() -> None:
    raw = plain()
    raw.loc[raw.index[::50], "price"] = -5.0
    with pytest.raises(SchemaError, match="price"):
        SCHEMA.validate(tidy(raw, RecipeOptions()))


def test_one_other_market_makes_no_reference() -> None:
    frame = tidy(plain(markets=2), RecipeOptions())
    assert frame["reference"].isna().all()
    assert groups_of(frame) == ()


def test_a_reference_that_is_given_is_kept() -> None:
    frame = tidy(plain().assign(reference=777.0), RecipeOptions())
    assert set(frame["reference"]) == {777.0}


@given(st.integers(5, 35))
@settings(max_examples=20, deadline=None)
def test_the_reference_knows_nothing_of_later_days(known: int) -> None:
    full = tidy(plain(markets=4), RecipeOptions()).drop(columns="reference")
    day = full["date"].min() + pd.Timedelta(days=known)
    early = add_reference(full[full["date"] <= day])
    late = add_reference(full)
    pd.testing.assert_frame_equal(early, late[late["date"] <= day])


def test_a_price_stands_for_three_days_in_the_reference() -> None:
    frame = plain(markets=3).iloc[:0]
    rows = [("m0", 0), ("m1", 0), ("m2", 0), ("m2", 2), ("m2", 3)]
    frame = pd.DataFrame(
        {
            "market": [name for name, _ in rows],
            "date": [pd.Timestamp("2019-01-01") + pd.Timedelta(days=day) for _, day in rows],
            "price": [100.0, 100.0, 300.0, 300.0, 300.0],
        }
    )
    tidied = tidy(frame, ONION)
    found = tidied[tidied["market"] == "m2"]["reference"]
    assert found.iloc[:2].tolist() == pytest.approx([100.0, 100.0])
    assert np.isnan(found.iloc[2])


def test_the_split_is_by_date_and_leaks_nothing() -> None:
    frame = tidy(plain(markets=3, days=365 * 8, start="2014-01-01"), RecipeOptions())
    split = cut(frame)
    assert split.test["date"].min() == pd.Timestamp("2019-01-01")
    assert split.train["date"].max() < split.validation["date"].min()
    assert split.validation["date"].max() < split.test["date"].min()
    assert len(split.train) + len(split.validation) + len(split.test) == len(frame)
    assert split.description["dropped_in_tidy"] == frame.attrs["dropped"]


def test_a_short_table_is_cut_by_shares() -> None:
    split = cut(tidy(plain(days=500), RecipeOptions()))
    assert split.test["date"].min() == pd.Timestamp("2019-01-01") + pd.Timedelta(days=399)
    with pytest.raises(DataError, match="spans 39 days"):
        cut(tidy(plain(days=40), RecipeOptions()))


@pytest.mark.parametrize(
    ("name", "rows", "unpriced", "repeated"),
    [("ONION", 46_796, 3629, 363), ("TOMATO", 29_325, 0, 0)],
)
def test_the_real_files_are_tidied(real_data: Path, name: str, rows: int, unpriced: int, repeated: int) -> None:
    dataset = from_files([real_data / "price" / f"{name}_KARNATAKA.csv"])
    frame = tidy(dataset.frame, RecipeOptions(select={"commodity": name.lower()}))
    assert frame.attrs["dropped"] == {"without a price": unpriced, "repeated market and date": repeated}
    assert len(frame) == rows
    SCHEMA.validate(frame, lazy=True)
    assert cut(frame).description["test_from"] == "2019-01-01T00:00:00"
