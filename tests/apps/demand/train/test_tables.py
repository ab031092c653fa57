from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apps.demand.train.tables import GRID, effect_names, step_size, tables
from tests.apps.demand.tables import model


def test_tables_have_a_row_per_series_and_zeros_where_a_series_has_nothing() -> None:
    made = tables([model(), model("multiplicative", events=True)], [0.8, 0.8], 30, monthly=False)
    assert made.reach.shape == (2, 31, GRID)
    assert not made.multiplicative[0].any()
    assert not made.additive[1].any()
    assert not made.additive_events.any()
    assert made.multiplicative_events[1].any()
    assert not made.multiplicative_events[:, 0].any()
    assert (np.diff(made.reach[0], axis=0) > 0).all()


def test_a_flat_trend_has_no_slope() -> None:
    made = tables([model(growth="flat")], [0.8], 30, monthly=False)
    assert made.slope[0] == 0
    assert not made.deltas.any()
    assert np.ptp(made.reach) == 0


def test_effects_are_the_columns_of_festivals() -> None:
    assert effect_names([model()]) == ()
    names = effect_names([model(events=True), model()])
    assert {"diwali_delim_+0", "diwali_delim_-6", "republic day_delim_+0"} <= set(names)
    assert list(names) == sorted(names)


def test_a_step_is_a_day_or_the_mean_month() -> None:
    fitted = model()
    assert step_size(fitted, 90, monthly=False) == pytest.approx(pd.Timedelta(days=1) / fitted.t_scale)
    months = model(frequency="month")
    assert step_size(months, 12, monthly=True) * months.t_scale.days == pytest.approx(365 / 12, abs=0.1)
