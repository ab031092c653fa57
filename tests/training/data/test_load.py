from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.training import toy
from training.data.load import load
from training.errors import DataError


def test_without_data_the_recipe_generates_it() -> None:
    dataset = load(toy.recipe, seed=3)
    assert dataset.synthetic and dataset.source == "synthetic data of toy"
    assert dataset.frame.equals(toy.recipe.generate(3).rename_axis(index="source_row"))
    assert load(toy.recipe, seed=4).sha256 != dataset.sha256


def test_files_are_read(tmp_path: Path) -> None:
    toy.recipe.generate(3).to_csv(tmp_path / "real.csv", index=False)
    dataset = load(toy.recipe, [tmp_path / "real.csv"])
    assert not dataset.synthetic and dataset.source == "real.csv"
    assert list(dataset.frame.columns) == list(toy.recipe.generate(3).columns)


def test_a_query_is_run(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "d.db") as connection:
        toy.recipe.generate(3).to_sql("days", connection, index=False)
    connection.close()
    dataset = load(toy.recipe, query="select * from days limit 10", dsn=f"sqlite:///{tmp_path}/d.db")
    assert len(dataset.frame) == 10 and dataset.source == "query on sqlite d.db"


def test_files_and_a_query_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give one of them"):
        load(toy.recipe, [tmp_path / "a.csv"], query="select 1")
