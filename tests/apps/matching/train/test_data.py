from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.matching.train.data import COLUMNS, FILE, PART, SCHEMA, cut, cut_again, tidy
from training.data.read import from_files
from training.errors import BadValue, DataError
from training.recipe import RecipeOptions

LEFT = "COL title VAL adobe cs3 [ mac ] COL manufacturer VAL adobe COL price VAL 399.0 "
RIGHT = "COL title VAL cs3 web COL manufacturer VAL  COL price VAL  "


def records(*rows: tuple[str, str, str], files: tuple[str, ...] = ()) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(**{FILE: files}) if files else frame


def test_record_pairs_are_read() -> None:
    table = tidy(records((LEFT, RIGHT, "1")), RecipeOptions())
    row = SCHEMA.validate(table).iloc[0]
    assert row["requirement_name"] == "adobe cs3 [ mac ]"
    assert row["requirement_maker"] == "adobe"
    assert row["requirement_price"] == 399
    assert row["availability_maker"] == ""
    assert np.isnan(row["availability_price"])
    assert row["label"] == 1


def test_the_plain_layout_is_read() -> None:
    raw = pd.DataFrame(
        {"requirement_name": ["a"], "availability_name": ["b"], "label": [0], "requirement_price": 0}
    )
    row = SCHEMA.validate(tidy(raw, RecipeOptions())).iloc[0]
    assert row["availability_name"] == "b"
    # A price of 0 is one that is not known.
    assert np.isnan(row["requirement_price"])


def test_a_pair_in_two_files_stays_in_the_later_part() -> None:
    """The published files repeat pairs, some with both labels; what is asked in the test must not be fitted on."""
    rows = [(LEFT, RIGHT, "0"), (LEFT, RIGHT, "1"), (LEFT, RIGHT, "0")]
    table = tidy(records(*rows, files=("train", "test", "valid")), RecipeOptions())
    assert table[[PART, "label"]].to_numpy().tolist() == [["test", 1]]


def test_files_of_other_names_are_split_by_requirement() -> None:
    rows = [(f"COL name VAL lot {row // 4}", f"COL name VAL offer {row}", "0") for row in range(400)]
    assert PART not in tidy(records(*rows, files=("pairs",) * 400), RecipeOptions())
    split = cut(tidy(records(*rows), RecipeOptions()))
    parts = [set(part["requirement_name"]) for part in (split.train, split.validation, split.test)]
    assert all(parts)
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    inner = cut_again(pd.concat([split.train, split.validation]).assign(**{PART: "train"}))
    again = [set(part["requirement_name"]) for part in (inner.train, inner.validation, inner.test)]
    assert all(again) and PART not in inner.train
    assert again[0] | again[1] | again[2] == parts[0] | parts[1]
    assert not again[0] & again[1] and not again[0] & again[2] and not again[1] & again[2]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (("no fields", RIGHT, "1"), "left"),
        ((LEFT, RIGHT, "2"), "label"),
        ((LEFT.replace("399.0", "cheap"), RIGHT, "1"), "requirement_price"),
    ],
)
def test_broken_rows_are_named(row: tuple[str, str, str], column: str) -> None:
    with pytest.raises(BadValue, match=column) as error:
        tidy(records((LEFT, RIGHT, "1"), row), RecipeOptions())
    assert error.value.row == 1


def test_tables_of_other_layouts_are_refused() -> None:
    with pytest.raises(DataError, match="label"):
        tidy(pd.DataFrame({"a": [1]}), RecipeOptions())
    with pytest.raises(DataError, match="requirement_name"):
        tidy(pd.DataFrame({"a": [1], "label": [1]}), RecipeOptions())
    with pytest.raises(DataError, match="published or group"):
        tidy(records((LEFT, RIGHT, "1")), RecipeOptions(select={"split": "random"}))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("amazon_google", 10_959), ("abt_buy", 9_502)])
def test_the_published_parts_share_no_pair(real_data: Path, name: str, rows: int) -> None:
    paths = [real_data / "matching" / name / f"{part}.txt" for part in ("train", "valid", "test")]
    table = tidy(from_files(paths, COLUMNS, FILE).frame, RecipeOptions())
    assert len(SCHEMA.validate(table)) == rows
    split = cut(table)
    assert split.description["kind"] == "published"
    keys = [
        set(map(tuple, part.filter(regex="_name|_price|_description|_maker").astype(str).to_numpy().tolist()))
        for part in (split.train, split.validation, split.test)
    ]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]


def test_further_texts_join_the_description_and_numbers_are_named() -> None:
    """A model number tells one product from the next; a row number would tell which rows are a pair."""
    left = "COL title VAL camera COL modelno VAL dsc-w55 COL category VAL photo COL row VAL 17"
    right = "COL title VAL cyber-shot COL modelno VAL DSCW55/B COL description VAL black COL row VAL 17"
    frame = tidy(records((left, right, "1")), RecipeOptions())
    row = SCHEMA.validate(frame).iloc[0]
    assert row["requirement_description"] == "dsc-w55 photo"
    assert row["availability_description"] == "black DSCW55/B"
    assert frame.attrs["unused"] == ["requirement_row", "availability_row"]
    (note,) = frame.attrs["notes"]
    assert "requirement_modelno" in note and "availability_modelno" in note and "row" not in note


def test_further_columns_of_the_plain_layout_are_treated_alike() -> None:
    raw = pd.DataFrame(
        {
            "requirement_name": ["a", "b"],
            "availability_name": ["c", "d"],
            "availability_colour": ["red", None],
            "availability_lot_id": ["L1", "L2"],
            "availability_rank": [1, 2],
            "shop": ["x", "y"],
            "label": [0, 1],
        }
    )
    frame = tidy(raw, RecipeOptions())
    assert frame["availability_description"].tolist() == ["red", ""]
    assert frame.attrs["unused"] == ["availability_lot_id", "availability_rank", "shop"]
