from __future__ import annotations

import numpy as np
import pandas as pd
import pandera.errors
import pytest

from apps.quality.train.data import FORBIDDEN, SCHEMA, cut, grades_of, measurements, tidy
from apps.quality.train.recipe import recipe
from tests.apps.quality.tables import bean_split, beans, lot_split
from training.data.leaks import refuse_leaks
from training.data.validate import tidied
from training.errors import BadValue, DataError
from training.recipe import Dataset, RecipeOptions


def test_both_names_of_the_grade_are_read_and_the_rest_is_measured() -> None:
    for name in ("Class", "grade"):
        frame = tidy(beans().rename(columns={"Class": name}))
        assert measurements(frame) == ("Area", "Roundness", "Extent")
        assert list(SCHEMA.validate(frame).columns) == list(frame.columns)


@pytest.mark.parametrize("name", ["id", "ID", "Lot_ID", " sample_id "])
def test_a_column_named_like_an_identifier_is_refused(name: str) -> None:
    table = beans()
    table[name] = np.random.default_rng(1).normal(size=len(table))
    with pytest.raises(DataError, match="identifies a lot"):
        tidy(table)


def shuffled(values: np.ndarray) -> np.ndarray:
    return np.random.default_rng(5).permutation(values)


@pytest.mark.parametrize(
    ("case", "scaled", "mixed"),
    [
        ("counts", 1.0, False),
        ("counts in steps", 0.1, False),
        ("counts, rows mixed", 1.0, True),
        ("shares", 1e-6, True),
    ],
)
def test_a_column_that_numbers_the_lots_in_class_order_is_refused(case: str, scaled: float, mixed: bool) -> None:
    """The trap: an id in class order scores 0.998, whatever it is called and however the rows are mixed."""
    table = beans()
    table["Texture"] = np.arange(len(table)) * scaled
    if mixed:
        table = table.sample(frac=1, random_state=3).reset_index(drop=True)
    with pytest.raises(DataError, match="'Texture' is an identifier"):
        refuse_leaks(recipe, tidy(table))


def test_a_number_with_gaps_is_refused_as_it_rises_with_the_rows_and_as_it_gives_the_grade_away() -> None:
    table = beans()
    table["Texture"] = np.cumsum(np.random.default_rng(1).integers(1, 900, len(table)))
    with pytest.raises(DataError, match="'Texture' is an identifier"):
        refuse_leaks(recipe, tidy(table))
    with pytest.raises(DataError, match="'Texture' alone predicts"):
        refuse_leaks(recipe, tidy(table.sample(frac=1, random_state=3).reset_index(drop=True)))


def test_a_number_is_refused_where_duplicates_and_gaps_hide_it() -> None:
    table = beans()
    table["Texture"] = (np.arange(len(table)) // 3).astype(float)
    table.loc[::50, "Texture"] = np.nan
    codes = {name: code for code, name in enumerate(table["Class"].unique())}
    table["Hue"] = table["Class"].map(codes)
    with pytest.raises(DataError, match="'Texture' alone predicts"):
        refuse_leaks(recipe, tidy(table.drop(columns="Hue")))
    with pytest.raises(DataError, match="'Hue' alone predicts"):
        refuse_leaks(recipe, tidy(table.drop(columns="Texture")))


def test_a_text_column_is_refused_with_file_and_row() -> None:
    table = beans()
    table.insert(0, "code", [f"LOT-{number:05}" for number in range(len(table))])
    with pytest.raises(BadValue, match="LOT-00000.*remove columns that are not measurements"):
        tidy(table)
    dataset = Dataset(frame=table, source="lots.csv", sha256="")
    with pytest.raises(DataError, match="row 0, column 'code'"):
        tidied(recipe, dataset, RecipeOptions())


def test_the_platform_refuses_forbidden_names_too() -> None:
    assert recipe.forbidden == FORBIDDEN
    assert not set(FORBIDDEN) & set(recipe.app.feature_names)


def test_whole_numbers_that_are_measurements_are_not_refused() -> None:
    frame = tidy(beans())
    assert (frame["Area"] % 1 == 0).all()
    assert frame["Area"].nunique() < len(frame)


def test_identical_lots_are_kept_once_and_counted() -> None:
    table = beans()
    frame = tidy(pd.concat([table, table[:40]], ignore_index=True))
    assert frame.attrs["dropped"] == {"duplicates": 40}
    assert len(frame) == len(table)


def test_identical_measurements_of_two_grades_stand_in_one_part() -> None:
    table = beans()
    other = table[:200].assign(Class="HOROZ")
    frame = tidy(pd.concat([table, other], ignore_index=True))
    split = cut(frame)
    parts = [set(getattr(split, name)["group"]) for name in ("train", "validation", "test")]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert frame["group"].nunique() == len(table)


def test_the_split_says_how_it_was_cut() -> None:
    _, split = bean_split()
    assert split.description["groups"] == "identical measurements"
    assert split.description["dropped_rows"] == {"duplicates": 0}
    shares = np.array([len(split.train), len(split.validation), len(split.test)]) / 1200
    np.testing.assert_allclose(shares, [0.7, 0.15, 0.15], atol=0.04)


def test_whole_suppliers_are_split_where_there_are_enough() -> None:
    _, split = lot_split()
    assert split.description["groups"] == "suppliers"
    assert not set(split.train["supplier"]) & set(split.test["supplier"])
    few = beans()
    few["supplier"] = np.where(np.arange(len(few)) % 2, "a", "b")
    assert cut(tidy(few)).description["groups"] == "identical measurements"


def test_grades_with_values_are_in_their_order() -> None:
    assert grades_of(lot_split()[0]) == (("C", "B", "A"), (20.0, 60.0, 100.0))
    assert grades_of(bean_split()[0]) == (("DERMASON", "SEKER", "SIRA"), ())


def _with(column: str, value: object, row: int = 7) -> pd.DataFrame:
    table = beans().astype({"Class": object})
    if column not in table:
        table[column] = 50.0
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (beans().drop(columns="Class"), "column 'grade' is missing"),
        (_with("Class", None), "row 7, column 'grade'"),
        (_with("Class", "  "), "a grade in every row"),
        (_with("Area", np.inf), "row 7, column 'Area'"),
        (beans().assign(Class="A"), "1 distinct grades"),
        (beans()[["Class"]], "0 measurement columns"),
        (beans()[["Class"]].assign(**{f"m{n}": 1.0 for n in range(33)}), "33 measurement columns"),
        (_with("grade_value", 60.0), "more than one value"),
        (_with("grade_value", None), "more than one value"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_bad_tables_are_refused_with_what_is_wrong(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        tidy(table)


def test_a_grade_without_a_value_among_grades_with_one_is_refused() -> None:
    table = beans()
    table["grade_value"] = table["Class"].map({"DERMASON": 20.0, "SIRA": 40.0})
    with pytest.raises(DataError, match="'SEKER' has no value"):
        tidy(table)


def test_values_out_of_range_break_the_schema() -> None:
    table = beans()
    table["grade_value"] = table["Class"].map({"DERMASON": 20.0, "SIRA": 40.0, "SEKER": 140.0})
    with pytest.raises(pandera.errors.SchemaError, match="grade_value"):
        SCHEMA.validate(tidy(table))


def test_too_few_lots_and_grades_too_rare_are_refused() -> None:
    with pytest.raises(DataError, match="at least 300"):
        cut(tidy(beans(200)))
    table = beans()
    table.loc[:6, "Class"] = "RARE"
    with pytest.raises(DataError, match="grade 'RARE'"):
        cut(tidy(table))
