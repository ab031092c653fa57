"""Pairs of columns that leak together, and honest tables in which a pair says much."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine

from training.data.few_columns import few_columns, parts_of

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

ROWS = 400


def lots(seed: int = 1, classes: int = 4) -> tuple[pd.DataFrame, Codes]:
    """Five measurements that say much of the class, none of them everything."""
    random = np.random.default_rng(seed)
    code = random.integers(0, classes, ROWS)
    table = pd.DataFrame({f"m{place}": code + random.normal(0, 1.0, ROWS) for place in range(5)})
    return table, code.astype(np.intp)


def wrong(code: Codes, share: float, random: np.random.Generator) -> Codes:
    """The classes with another one in some rows."""
    return np.where(random.random(len(code)) < share, random.permutation(code), code)


SHARED: dict[str, Callable[[Codes, np.random.Generator], tuple[Floats, Floats]]] = {
    "two digits, some wrong": lambda code, random: (wrong(code % 2, 0.03, random), wrong(code // 2, 0.03, random)),
    "two copies, some wrong": lambda code, random: (wrong(code, 0.04, random), wrong(code, 0.04, random)),
    "halves of one value": lambda code, random: (
        (part := random.normal(0, 1, len(code))),
        3.0 * code - part + random.normal(0, 0.1, len(code)),
    ),
}


@pytest.mark.parametrize("kind", SHARED)
def test_two_columns_that_leak_together_are_found(kind: str) -> None:
    table, code = lots()
    table["u"], table["v"] = SHARED[kind](code, np.random.default_rng(2))
    found = few_columns(table, code)
    assert found is not None and found.columns == ("u", "v"), found
    assert found.score > 0.95 > found.others


def test_one_column_is_named_alone() -> None:
    table, code = lots()
    table["u"] = wrong(code, 0.03, np.random.default_rng(2))
    found = few_columns(table, code)
    assert found is not None and found.columns == ("u",)


def test_honest_tables_pass() -> None:
    assert few_columns(*lots(0)) is None
    for load in (load_iris, load_wine):
        made = load(as_frame=True)
        assert few_columns(made.data, made.target.to_numpy(np.intp)) is None, load
    table, code = lots()
    easy = pd.DataFrame({name: 9 * code + column for name, column in table.items()})
    assert few_columns(easy, code) is None, "every column is nearly perfect"


def test_odd_numbers_and_gaps_do_no_harm() -> None:
    table, code = lots()
    table.iloc[::7, 0], table.iloc[::9, 1], table.iloc[::11, 2] = np.nan, np.inf, 1e308
    assert few_columns(table, code) is None
    table["u"], table["v"] = code % 2, code // 2
    table.iloc[::50, 5] = np.nan
    found = few_columns(table, code)
    assert found is not None and found.columns == ("u", "v")


def test_a_quantity_that_is_the_sum_of_two_columns_is_found() -> None:
    random = np.random.default_rng(1)
    table = pd.DataFrame(random.gamma(2, 50, (300, 4)).round(), columns=["a", "b", "c", "d"])
    table["still"], table["gap"] = 1.0, np.nan
    total = (table["a"] + table["c"]).to_numpy()
    assert list(parts_of(table, total)) == [("a", "c")]
    table.iloc[3, 0] = np.nan
    assert list(parts_of(table, np.where(np.arange(300) == 5, np.nan, 2 * total))) == [("a", "c")]
    assert list(parts_of(table, total + random.normal(0, 5, 300))) == []
    assert list(parts_of(table, table["a"].to_numpy() * table["c"].to_numpy())) == []
    assert list(parts_of(table[["gap", "b"]], total)) == list(parts_of(table[["gap"]], total)) == []
    assert list(parts_of(table, np.ones(300))) == [] and list(parts_of(table[:20], total[:20])) == []
