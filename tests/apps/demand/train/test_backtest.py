from __future__ import annotations

import numpy as np
import pandas as pd

from apps.demand.train.backtest import History, Job, flat, history, run, seasonal_naive
from apps.demand.train.data import SCHEDULES, tidy
from apps.demand.train.prophet import Plan
from tests.apps.demand.tables import daily
from training.recipe import RecipeOptions

DAY = SCHEDULES["day"]


def one(table: pd.DataFrame) -> History:
    return history(tidy(table, RecipeOptions()), DAY)[0]


def test_seasonal_naive_repeats_the_last_season() -> None:
    values = np.arange(21.0)
    assert seasonal_naive(values, 9, 7).tolist() == [14, 15, 16, 17, 18, 19, 20, 14, 15]
    values[[14, 20]] = np.nan
    assert seasonal_naive(values, 7, 7).tolist() == [7, 15, 16, 17, 18, 19, 13]
    assert seasonal_naive(np.array([4.0, np.nan]), 3, 7).tolist() == [4, 4, 4]


def test_flat_is_the_mean_of_the_latest_four_seasons() -> None:
    values = np.arange(40.0)
    assert flat(values, 3, 7).tolist() == [25.5] * 3
    values[12:] = np.nan
    assert flat(values, 1, 7).tolist() == [5.5]


def test_a_missing_day_stays_on_the_grid() -> None:
    series = one(daily().drop(index=[10, 11]))
    assert len(series.days) == 800
    assert np.flatnonzero(np.isnan(series.values)).tolist() == [10, 11]
    assert len(series.known(100, Plan("p"), DAY).days) == 98


def test_a_forecast_sees_nothing_after_its_origin() -> None:
    """What comes later may be anything: the forecast stays the same, to the last bit."""
    table = daily()
    changed = table.copy()
    changed.loc[len(table) - 60 :, "demand"] = 9999.0
    first, second = (run(Job(one(each), Plan("p"), DAY, (60,), 0)) for each in (table, changed))
    assert first["predicted"].tolist() == second["predicted"].tolist()
    assert first["baseline"].tolist() == second["baseline"].tolist()
    assert first["actual"].tolist() != second["actual"].tolist()


def test_rows_end_at_the_horizon_or_where_truths_may_be_looked_at() -> None:
    rows = run(Job(one(daily()), Plan("p"), DAY, (270, 330), 240))
    assert rows.groupby("origin")["step"].max().to_dict() == {270: 30, 330: 90}
    assert rows["date"].max() == pd.Timestamp("2022-01-01") + pd.Timedelta(days=559)
    assert rows["needed"].between(0, 1).all()
