from __future__ import annotations

import pandas as pd

from apps.quality.schema import EXAMPLE
from apps.quality.train.data import tidy
from apps.quality.train.synthetic import GRADES, LOTS, SUPPLIERS, TWICE, generate


def test_the_same_seed_gives_the_same_table() -> None:
    pd.testing.assert_frame_equal(generate(3), generate(3))
    assert not generate(3).equals(generate(4))


def test_it_has_what_real_tables_have() -> None:
    table = generate(7)
    assert len(table) == SUPPLIERS * LOTS + TWICE
    assert table.duplicated().sum() == TWICE
    assert table.isna().any().any()
    assert dict(zip(table["grade"], table["grade_value"], strict=True)) == GRADES
    assert set(EXAMPLE.measurements) == set(table.columns) - {"supplier", "grade", "grade_value"}


def test_a_tidy_table_comes_of_it() -> None:
    assert tidy(generate(7)).attrs["dropped"] == {"duplicates": TWICE}
