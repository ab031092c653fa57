from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from control.new.from_file.columns import columns_of, python_names, times_of
from tests.control.new.from_file.tables import churn, reviews, sales


def roles(frame: pd.DataFrame) -> dict[str, str]:
    return {column.name: column.role for column in columns_of(frame, python_names(map(str, frame.columns)))}


def test_the_roles_of_a_table_of_customers() -> None:
    assert roles(churn()) == {
        "customer_id": "identifier",
        "months": "number",
        "class": "category",
        "Monthly bill (€)": "number",
        "paperless": "number",
        "calls": "number",
        "churned": "number",
    }


def test_types_ranges_categories_and_missing_values() -> None:
    frame = churn()
    found = {column.name: column for column in columns_of(frame, python_names(map(str, frame.columns)))}
    assert found["months"].type == "int" and (found["months"].low, found["months"].high) == (1, 59)
    assert found["Monthly bill (€)"].missing and found["Monthly bill (€)"].type == "float"
    assert found["class"].values == ("basic", "plus", 'say "pro"') and not found["class"].missing
    assert found["paperless"].type == "bool"
    assert not found["customer_id"].repeats


def test_texts_times_and_columns_without_use() -> None:
    assert roles(reviews()) == {"text": "text", "verdict": "category"}
    assert roles(sales())["day"] == "time"
    random = np.random.default_rng(0)
    odd = pd.DataFrame(
        {
            "same": 1.0,
            "empty": np.nan,
            "code": [f"x{number}" for number in random.integers(0, 90, 200)],
            "mixed": ["n/a", *map(str, random.integers(0, 90, 199))],
            "endless": [np.inf, *random.random(199)],
            "row": np.arange(200),
        }
    )
    found = {column.name: column for column in columns_of(odd, python_names(odd.columns))}
    assert {name: column.why for name, column in found.items()} == {
        "same": "it has the same value in every row",
        "empty": "it is empty",
        "code": f"it has {odd['code'].nunique()} different words, too many for categories",
        "mixed": "it has text such as 'n/a' among its numbers",
        "endless": "it has infinite values",
        "row": "",
    }
    assert found["row"].role == "identifier"


def test_names_become_python_and_stay_apart() -> None:
    names = ("age", "Age", "mean radius", "mean-radius", "class", "2nd", "Größe", "名前", "label", "_x", "a" * 60)
    found = python_names(names)
    assert list(found.values()) == [
        *("age", "Age", "mean_radius", "mean_radius2", "class_", "n_2nd", "groe", "column_8", "label_", "x"),
        "a" * 40,
    ]
    assert python_names(["label"], "label") == {"label": "label"}


@pytest.mark.parametrize(
    ("texts", "is_time"),
    [
        (["2024-05-14", "2024-05-15"], True),
        (["2024-05-14T10:00:00", None], True),
        (["2024-05-14", "2024-13-40"], False),
        (["14/05/2024", "15/05/2024"], False),
        ([1.0, 2.0], False),
    ],
)
def test_which_texts_are_times(texts: list[object], is_time: bool) -> None:
    assert (times_of(pd.Series(texts)) is not None) is is_time
