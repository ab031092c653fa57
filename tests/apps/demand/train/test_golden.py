from __future__ import annotations

import datetime

import numpy as np

from apps.demand.train.data import SCHEDULES
from apps.demand.train.golden import golden, parity_rows
from apps.demand.train.tables import tables
from tests.apps.demand.tables import daily, model
from training.onnx import parity


def test_golden_questions_reach_from_the_first_day_to_the_last() -> None:
    asked = golden(["a", "b"], datetime.date(2024, 12, 31), SCHEDULES["day"])
    assert {one.series for one in asked} == {"a", "b"}
    assert asked[0].horizon == 1
    assert asked[-1].date == datetime.date(2025, 3, 31)


def test_parity_rows_have_days_boundaries_extremes_and_nan() -> None:
    built = tables([model()], [0.8], 90, monthly=False)
    rows = parity_rows(daily(), built, SCHEDULES["day"], {})
    assert len(rows) > parity.ROWS
    assert np.isfinite(rows[: parity.ROWS]).all()
    assert rows[: parity.ROWS, 2].max() == 90
    assert np.isnan(rows[-1]).all()
    assert (rows == 1e30).any(axis=0)[:3].all()
