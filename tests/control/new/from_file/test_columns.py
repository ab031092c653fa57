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
    assert roles(reviews().rename(columns={"text": "subject"}))["subject"] == "text"
    assert roles(sales())["day"] == "time"
    random = np.random.default_rng(0)
    odd = pd.DataFrame(
        {
            "same": 1.0,
            "empty": np.nan,
            "code": [f"x{number}" for number in random.integers(0, 90, 200)],
            "mixed": ["n/a", *map(str, random.integers(0, 90, 199))],
            "endless": [np.inf, *random.random(199)],
            "huge": random.random(200) * 1e300,
            "milliseconds": 1.7e12 + random.integers(0, 1000, 200),
            "share": [f"{number:.1f} %" for number in random.random(200) * 100],
            "named": [f"{day} May 2021" for day in random.integers(1, 32, 200)],
            "few": [*"aab", *[None] * 197],
            "rare": [1.0, 1.0, *[None] * 198],
            "nested": [[1]] * 200,
            "lasting": pd.to_timedelta(random.integers(1, 99, 200), "s"),
            "row": np.arange(200),
        }
    )
    found = {column.name: column for column in columns_of(odd, python_names(odd.columns))}
    assert {name: column.why for name, column in found.items()} == {
        "same": "it has the same value in every row",
        "empty": "it is empty",
        "code": f"it has {odd['code'].nunique()} different words, too many for categories",
        "mixed": "it has text such as 'n/a' among its numbers; leave such cells empty",
        "endless": "it has infinite values",
        "huge": "its numbers are larger than 32 bits hold; use a larger unit",
        "milliseconds": "32 bits cannot tell its numbers apart; subtract the lowest, or use another unit",
        "share": f"it has {odd['share'][0]!r}; write numbers alone",
        "named": f"it has {odd['named'][0]!r}; write dates as 2024-05-14",
        "few": "it has 2 different words in 3 rows, too few for categories",
        "rare": "it has the same value wherever it has one",
        "nested": "it has lists or objects in its cells",
        "lasting": "it has lengths of time; write them as numbers, such as seconds",
        "row": "",
    }
    assert found["row"].role == "identifier"


def test_cells_that_python_holds_as_objects_are_numbers_too() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "text": random.normal(size=200).round(3).astype(str),
            "flag": np.where(random.random(200) < 0.1, None, random.random(200) < 0.5),
            "long": [10**25 + 10**23 * int(number) for number in random.integers(0, 99, 200)],
            "wide": random.integers(0, 2**60, 200),
        }
    )
    found = {column.name: column for column in columns_of(frame, python_names(frame.columns))}
    types = {name: (column.role, column.type, column.missing) for name, column in found.items()}
    assert types == {
        "text": ("number", "float", False),
        "flag": ("number", "bool", True),
        "long": ("number", "float", False),
        "wide": ("number", "float", False),
    }


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
