from __future__ import annotations

import pandas as pd
import pytest

from apps.struggle.schema import DAYS
from apps.struggle.train.data import FORBIDDEN, TABLES, join, questions, tidy
from apps.struggle.train.recipe import recipe
from apps.struggle.train.synthetic import generate
from tests.apps.struggle.students import table
from training.data.validate import validate
from training.errors import BadValue, DataError
from training.recipe import Dataset, RecipeOptions


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    return {name: frame.copy() for name, frame in generate(7).items()}


def test_the_generator_gives_the_same_tables_and_a_valid_one(tables: dict[str, pd.DataFrame]) -> None:
    assert tuple(tables) == TABLES
    again = generate(7)
    assert all(frame.equals(again[name]) for name, frame in tables.items())
    dataset = Dataset(frame=table(), source="made up", sha256="")
    assert len(validate(recipe, table(), dataset)) == len(table())


def test_who_has_withdrawn_by_the_day_has_no_row_for_it(tables: dict[str, pd.DataFrame]) -> None:
    raw = join(tables)
    gone = pd.to_numeric(raw["date_unregistration"], errors="coerce")
    frame = tidy(raw)
    for day in DAYS:
        labels = frame.index[frame["day"] == day]
        assert len(labels)
        assert not (gone.loc[labels] <= day).any()
        assert set(raw.index) - set(labels) == set(raw.index[gone <= day])
    late = raw.assign(date_registration=["100"] * len(raw))
    assert set(tidy(late)["day"]) == {120, 180}


def test_the_result_and_the_groups_are_no_columns_a_feature_may_have() -> None:
    assert {"final_result", "date_unregistration", "gender", "disability", "imd_band"} <= set(FORBIDDEN)
    assert not set(FORBIDDEN) & {*table().columns, *recipe.app.feature_names}


def test_the_last_presentation_is_the_test_and_students_do_not_cross() -> None:
    split = recipe.split(table())
    assert set(split.test["start"]) == {pd.Timestamp("2014-10-01")}
    assert split.train["start"].max() < split.test["start"].min()
    assert not set(split.train["student"]) & set(split.validation["student"])
    with pytest.raises(DataError, match="one presentation only"):
        recipe.split(split.test)


def test_exams_are_left_out_and_question_marks_are_not_known(tables: dict[str, pd.DataFrame]) -> None:
    tables["studentAssessment"].loc[0, "score"] = "?"
    asked = questions(tidy(join(tables)))
    assert all(item.kind in ("TMA", "CMA") for one in asked for item in one.record.assessments)  # type: ignore[union-attr]
    handed_in = [item for one in asked for item in one.record.assessments if item.submitted is not None]  # type: ignore[union-attr]
    assert any(item.score is None for item in handed_in)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("final_result", "Maybe", "found 'Maybe'; expected one of Pass"),
        ("highest_education", "PhD", "found 'PhD'"),
        ("code_presentation", "2013Z", "a letter from A to L"),
    ],
)
def test_odd_values_are_named_with_their_row(
    tables: dict[str, pd.DataFrame], column: str, value: str, said: str
) -> None:
    raw = join(tables)
    raw.loc[3, column] = value
    with pytest.raises(BadValue, match=said) as bad:
        recipe.tidy(raw, RecipeOptions())
    assert bad.value.row == 3


def test_missing_columns_and_students_twice_are_refused(tables: dict[str, pd.DataFrame]) -> None:
    twice = pd.concat([tables["studentInfo"], tables["studentInfo"].head(1)], ignore_index=True)
    with pytest.raises(DataError, match="student 1000 appears twice in AAA-2013B"):
        join({**tables, "studentInfo": twice})
    with pytest.raises(DataError, match="assessments: column 'weight' is missing"):
        join({**tables, "assessments": tables["assessments"].drop(columns="weight")})
    with pytest.raises(DataError, match="'assessments' is missing"):
        tidy(join(tables).drop(columns="assessments"))


def test_a_score_out_of_range_is_refused(tables: dict[str, pd.DataFrame]) -> None:
    tables["studentAssessment"].loc[0, "score"] = "170"
    with pytest.raises(DataError, match="<= 100"):
        questions(tidy(join(tables)))
