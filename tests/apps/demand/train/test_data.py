from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandera.errors import SchemaError

from apps.demand.train.data import FORBIDDEN, ORIGINS, SCHEDULES, SCHEMA, Schedule, cut, schedule_of, tidy
from tests.apps.demand.tables import daily, monthly
from training.errors import BadValue, DataError
from training.recipe import RecipeOptions


def hourly() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "dteday": ["2011-01-01"] * 3 + ["2011-01-02"] * 2,
            "hr": [0, 1, 2, 0, 1],
            "casual": 1,
            "registered": 2,
            "temp": 0.2,
            "cnt": [3, 4, 5, 10, 20],
        }
    )


def test_hours_are_summed_by_day_and_the_targets_parts_are_gone() -> None:
    frame = tidy(hourly(), RecipeOptions())
    assert frame["demand"].tolist() == [12.0, 30.0]
    assert frame["date"].astype(str).tolist() == ["2011-01-01", "2011-01-02"]
    assert not set(FORBIDDEN) & set(frame.columns)
    assert {"casual", "registered"} <= set(FORBIDDEN)


def test_the_only_series_can_be_named_and_one_of_many_chosen() -> None:
    assert set(tidy(daily(), RecipeOptions(select={"series": "onion"}))["series"]) == {"onion"}
    both = pd.concat([daily().assign(series=name) for name in ("onion ", "rice")])
    assert set(tidy(both, RecipeOptions())["series"]) == {"onion", "rice"}
    assert set(tidy(both, RecipeOptions(select={"series": "rice"}))["series"]) == {"rice"}
    with pytest.raises(DataError, match="there are: onion, rice"):
        tidy(both, RecipeOptions(select={"series": "tea"}))


def test_rows_without_a_value_are_dropped_and_counted() -> None:
    table = daily()
    table.loc[5:8, "demand"] = np.nan
    frame = tidy(table, RecipeOptions())
    assert len(frame) == len(table) - 4
    assert frame.attrs["dropped"] == {"without a value": 4}


@pytest.mark.parametrize(("column", "value"), [("date", "31/31/2020"), ("demand", "many")])
def test_a_bad_cell_is_named(column: str, value: str) -> None:
    table = daily().astype({column: object})
    table.loc[7, column] = value
    with pytest.raises(BadValue) as error:
        tidy(table, RecipeOptions())
    assert (error.value.row, column in error.value.cell) == (7, True)


def test_a_day_is_a_day_whatever_its_offset() -> None:
    table = daily().assign(date=lambda frame: frame["date"].dt.tz_localize("Asia/Kolkata"))
    assert tidy(table, RecipeOptions())["date"].tolist() == daily()["date"].tolist()


def test_a_series_that_never_changes_is_refused() -> None:
    with pytest.raises(DataError, match="is 0 throughout"):
        cut(tidy(daily().assign(demand=0.0), RecipeOptions()))


def test_a_day_that_is_there_twice_is_refused() -> None:
    twice = pd.concat([daily(), daily().iloc[[5]]], ignore_index=True)
    with pytest.raises(SchemaError, match="unique"):
        SCHEMA.validate(tidy(twice, RecipeOptions()))


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(DataError, match="no known layout"):
        tidy(daily().rename(columns={"demand": "rain"}), RecipeOptions())


def test_series_end_together_or_are_over() -> None:
    short = daily(days=790).assign(series="short")
    long = daily(days=800).assign(series="long")
    assert tidy(pd.concat([short, long]), RecipeOptions()).groupby("series")["date"].max().nunique() == 1
    with pytest.raises(DataError, match="'short' ends on"):
        tidy(pd.concat([daily(days=700).assign(series="short"), long]), RecipeOptions())


def test_months_are_told_from_days() -> None:
    assert schedule_of(tidy(daily(), RecipeOptions())).frequency == "day"
    assert schedule_of(tidy(monthly(), RecipeOptions())).frequency == "month"


def test_the_parts_follow_in_time_and_short_series_are_refused() -> None:
    split = cut(tidy(daily(), RecipeOptions()))
    assert split.train["date"].max() < split.validation["date"].min()
    assert split.validation["date"].max() < split.test["date"].min()
    assert len(split.test) == 240
    assert len(split.description["origins"]["30"]) == 6
    with pytest.raises(DataError, match="at least 730 days"):
        cut(tidy(daily(days=600), RecipeOptions()))


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=list(SCHEDULES))
def test_every_origin_has_its_whole_horizon(schedule: Schedule) -> None:
    for horizon in schedule.horizons:
        origins = schedule.origins(horizon)
        assert len(origins) == ORIGINS
        assert min(origins) == horizon
        assert set(origins) <= set(schedule.judged)
    assert max(schedule.judged) == schedule.held_out


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=list(SCHEDULES))
def test_plans_are_chosen_before_what_is_judged(schedule: Schedule) -> None:
    assert min(schedule.choosing) > schedule.held_out
    assert set(schedule.setting(schedule.held_out)) == set(schedule.choosing)
    assert min(schedule.setting(0)) > 0


def hours(days: int, last: int, series: str = "a") -> pd.DataFrame:
    """Some days of 24 hours, then a day that ends after `last` hours."""
    each = [24] * days + [last]
    dates = np.repeat(pd.date_range("2024-01-01", periods=days + 1), each)
    return pd.DataFrame(
        {"date": dates, "hr": np.concatenate([np.arange(n) for n in each]), "demand": 2.0, "series": series}
    )


@pytest.mark.parametrize("last", [1, 12, 20])
def test_a_last_day_that_lacks_hours_is_left_out_and_named(last: int) -> None:
    frame = tidy(pd.concat([hours(30, 24, "b"), hours(30, last)]), RecipeOptions())
    assert set(frame["demand"]) == {48.0}
    assert frame["date"].max() == pd.Timestamp("2024-01-30"), "all series end together"
    (note,) = frame.attrs["notes"]
    assert note == f"series 'a': the last day, 2024-01-31, has {last} hours of 24; it is left out"
    assert len(tidy(hours(30, 24), RecipeOptions())) == 31


@pytest.mark.parametrize("table", [daily(), monthly()])
def test_a_last_value_far_below_the_others_is_named_and_kept(table: pd.DataFrame) -> None:
    assert tidy(table, RecipeOptions()).attrs["notes"] == []
    table = table.copy()
    table.loc[table.index[-1], "demand"] = 3.0
    frame = tidy(table, RecipeOptions())
    assert len(frame) == len(table)
    (note,) = frame.attrs["notes"]
    assert "the last value of series 'all', 3 on" in note and "leave it out" in note
