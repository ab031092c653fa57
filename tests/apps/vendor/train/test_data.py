from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.vendor.train.data import FORBIDDEN, SCHEMA, cut, shipments
from apps.vendor.train.recipe import recipe
from tests.apps.vendor.tables import plain, scms, synthetic_split
from training.data.read import from_files
from training.data.validate import tidied, validate
from training.errors import BadValue, DataError
from training.recipe import RecipeOptions


def by_quantity(frame: pd.DataFrame) -> pd.DataFrame:
    return shipments(frame).set_index("quantity")


def test_both_kinds_of_dates_are_read() -> None:
    found = by_quantity(scms())
    assert found.loc[19, "ordered"] == pd.Timestamp("2006-06-02")
    assert found.loc[19, "scheduled"] == pd.Timestamp("2006-07-02")
    assert found.loc[19, "recorded"] == pd.Timestamp("2006-07-07")
    assert found.loc[[1000, 500], "ordered"].isna().all()


def test_words_in_numeric_columns_are_missing_values() -> None:
    found = by_quantity(scms())
    assert found.loc[19, "weight"] == 13
    assert found.loc[[1000, 500], "weight"].isna().all()


def test_other_words_in_numeric_columns_are_refused_with_their_place() -> None:
    raw = scms()
    raw.loc[1, "Weight (Kilograms)"] = "heavy"
    with pytest.raises(BadValue) as error:
        shipments(raw)
    assert error.value.row == 1
    assert "heavy" in error.value.cell and "a number or an empty cell" in error.value.cell


@pytest.mark.parametrize("day", ["2006-13-01", "31-Jun-06", "13/1/06", "soon", "2-Jun-2006"])
def test_other_dates_are_refused(day: str) -> None:
    raw = scms()
    raw.loc[2, "Scheduled Delivery Date"] = day
    with pytest.raises(BadValue) as error:
        shipments(raw)
    assert day in error.value.cell and "2-Jun-14" in error.value.cell


def test_words_are_translated_and_unknown_ones_refused() -> None:
    found = by_quantity(scms())
    assert found.loc[[19, 1000, 500], "fulfilment"].tolist() == ["direct", "stock", "direct"]
    assert found.loc[[19, 1000, 500], "incoterm"].tolist() == ["EXW", None, "FCA"]
    assert found.loc[[19, 1000, 500], "mode"].tolist() == ["air", None, "ocean"]
    assert found.loc[[19, 1000, 500], "first_line"].tolist() == [1.0, 0.0, 1.0]
    with pytest.raises(BadValue, match="zeppelin"):
        shipments(scms().assign(**{"Shipment Mode": "zeppelin"}))


def test_what_is_known_only_afterwards_is_not_in_the_tidy_table() -> None:
    """Freight is invoiced and insurance bought when a shipment leaves; the delivery is the answer."""
    tidy = recipe.tidy(scms(), RecipeOptions())
    assert not set(FORBIDDEN) & set(tidy.columns)
    assert set(tidy.columns) == set(SCHEMA.columns)


@pytest.mark.parametrize("column", ["delivered", "recorded", "Delivered to Client Date", "Freight Cost (USD)"])
def test_a_table_that_kept_it_is_refused(column: str, tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    plain().to_csv(path, index=False)
    dataset = from_files([path])
    with pytest.raises(DataError, match="leaks the target"):
        validate(recipe, tidied(recipe, dataset, RecipeOptions()).assign(**{column: 0.0}), dataset)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_with_a_byte_order_mark_and_any_line_ends_is_read(end: str, tmp_path: Path) -> None:
    path = tmp_path / "scms.csv"
    path.write_bytes(b"\xef\xbb\xbf" + scms().to_csv(index=False, lineterminator=end).encode())
    dataset = from_files([path])
    assert dataset.frame.columns[0] == "ID"
    assert len(tidied(recipe, dataset, RecipeOptions())) > 3


def test_a_shipment_without_a_delivery_is_dropped_and_counted() -> None:
    raw = plain()
    raw.loc[[3, 5], "delivered"] = pd.NaT
    found = shipments(raw)
    assert len(found) == len(raw) - 2
    assert found.attrs["dropped"] == {"without a delivery": 2}


def test_a_delivery_is_never_recorded_before_it_is_made() -> None:
    raw = plain().assign(recorded=pd.Timestamp("2019-01-01"))
    found = shipments(raw)
    assert (found["recorded"] == found["delivered"]).all()
    assert (shipments(raw.drop(columns="recorded"))["recorded"] == found["delivered"]).all()


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="column 'delivered' is missing"):
        shipments(plain().drop(columns="delivered"))


def test_every_outcome_of_a_part_was_known_when_the_next_began() -> None:
    frame, split = synthetic_split()
    assert split.train["known_on"].max() < split.validation["asked"].min()
    assert split.validation["known_on"].max() < split.test["asked"].min()
    assert split.description["kind"] == "time"
    assert 0 < split.description["dropped"] < 0.15 * len(frame)
    assert len(split.test) / len(frame) == pytest.approx(0.2, abs=0.01)


def test_no_shipment_is_in_two_parts() -> None:
    _, split = synthetic_split()
    parts = [set(part.index) for part in (split.train, split.validation, split.test)]
    assert not parts[0] & parts[1] and not parts[1] & parts[2] and not parts[0] & parts[2]


def test_a_part_of_one_outcome_is_refused() -> None:
    frame, _ = synthetic_split()
    with pytest.raises(DataError, match="one outcome only"):
        cut(frame.assign(late=np.zeros(len(frame))))
