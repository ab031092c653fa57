from __future__ import annotations

import pandas as pd
import pytest

from control.new.from_file.card import card_words, split_text
from control.new.from_file.plan import plan
from tests.control.new.from_file.tables import churn, houses, reviews, sales, visits


@pytest.mark.parametrize(
    ("frame", "label", "split", "title"),
    [
        (churn(), "churned", "at random by a hash of the row, within each class", "churned of a row"),
        (houses(), "price", "by time (sold)", "price of a row"),
        (visits(), "grade", "by group: patient_id repeats", "grade of a row"),
        (sales(), "sold", "by time (day)", "the next sold"),
        (reviews(), "verdict", "at random", "verdict of a text"),
    ],
)
def test_the_card_says_how_the_rows_are_split(frame: pd.DataFrame, label: str, split: str, title: str) -> None:
    made = plan(frame, "rows.csv", label, None, None)
    assert split_text(made).startswith(split)
    words = card_words(made)
    assert words["title"] == title and words["rows"] == str(len(frame))
    for column in made.inputs:
        assert f"- `{column.field}`: " in words["columns_md"]


def test_a_label_with_odd_characters_can_be_pasted_into_a_shell() -> None:
    frame = houses().rename(columns={"price": "it's 5 `$`"})
    words = card_words(plan(frame, "rows.csv", "it's 5 `$`", None, None))
    assert words["label_md"] == """'it'"'"'s 5 _$_'"""
    assert card_words(plan(houses(), "rows.csv", "price", None, None))["label_md"] == "price"


def test_columns_that_are_not_used_are_listed() -> None:
    words = card_words(plan(churn(), "rows.csv", "churned", None, None))
    assert "Not used:\n\n- customer_id: it identifies the row or its group" in words["columns_md"]
    assert words["target_md"] == "churned: 0 (50%), 1 (50%)"
