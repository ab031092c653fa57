from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.price.train.recipe import recipe as price
from tests.training.toy import Toy
from training.data.read import from_files
from training.data.validate import tidied, validate
from training.errors import DataError
from training.recipe import RecipeOptions


def run(tmp_path: Path, raw: pd.DataFrame, recipe: Toy | None = None) -> pd.DataFrame:
    recipe = recipe or Toy()
    raw.to_csv(tmp_path / "toy.csv", index=False)
    dataset = from_files([tmp_path / "toy.csv"])
    return validate(recipe, recipe.tidy(dataset.frame, RecipeOptions()), dataset)


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert len(run(tmp_path, Toy().generate(1))) == 2400


def test_a_bad_value_is_named_with_file_row_column_and_rule(tmp_path: Path) -> None:
    raw = Toy().generate(1)
    raw.loc[15, "a"] = 99.0
    with pytest.raises(DataError) as error:
        run(tmp_path, raw)
    # The header is row 1, so index 15 is row 17.
    assert "toy.csv, row 17, column 'a': found 99.0; the rule is in_range(-10, 10)" in str(error.value)


def test_only_the_first_failures_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    raw = Toy().generate(1)
    raw.loc[:24, "a"] = -50.0
    with pytest.raises(DataError) as error:
        run(tmp_path, raw)
    text = str(error.value)
    assert text.startswith("25 values break")
    assert text.count("toy.csv, row") == 10
    assert text.endswith("and 15 more")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    class Renamed(Toy):
        def tidy(self, raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
            return super().tidy(raw, options).drop(columns="b")

    with pytest.raises(DataError, match="column 'b' is missing"):
        run(tmp_path, Toy().generate(1), Renamed())


def test_a_null_where_none_is_allowed_is_named(tmp_path: Path) -> None:
    raw = Toy().generate(1)
    raw.loc[3, "y"] = np.nan
    with pytest.raises(DataError, match="row 5, column 'y': found nan; the rule is not_nullable"):
        run(tmp_path, raw)


def test_forbidden_columns_are_refused(tmp_path: Path) -> None:
    raw = Toy().generate(1)
    raw["y_tomorrow"] = raw["y"].shift(-1)
    with pytest.raises(DataError, match="'y_tomorrow' leaks the target"):
        run(tmp_path, raw)


def test_a_copy_of_the_target_is_refused(tmp_path: Path) -> None:
    raw = Toy().generate(1)
    with pytest.raises(DataError, match="'copy' leaks the target: it equals 'y'"):
        run(tmp_path, raw.assign(copy=raw["y"]))


def test_a_row_counter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'id' is an identifier"):
        run(tmp_path, Toy().generate(1).assign(id=range(1, 2401)))


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    class Picky(Toy):
        def tidy(self, raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
            return super().tidy(raw, options).head(0)

    with pytest.raises(DataError, match="no rows are left"):
        run(tmp_path, Toy().generate(1), Picky())


def test_a_cell_that_tidying_cannot_read_is_named_with_its_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("market,date,price\nA,2020-01-01,10\nA,2020-13-45,11\n")
    dataset = from_files([path])
    with pytest.raises(DataError, match=r"prices.csv, row 3, column 'date': found '2020-13-45'; expected a date"):
        tidied(price, dataset, RecipeOptions(select={"commodity": "onion"}))
