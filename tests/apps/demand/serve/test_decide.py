from __future__ import annotations

import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from apps.demand.schema import DemandQuestion
from apps.demand.serve.decide import OUTPUTS, decide
from tests.apps.demand.serve.test_features import CONTEXT, MONTHS

NUMBERS = st.floats(-1e9, 1e9)


@given(point=NUMBERS, low=NUMBERS, high=NUMBERS)
def test_demand_is_never_negative_and_lies_in_its_interval(point: float, low: float, high: float) -> None:
    outputs = {name: np.array([[value]]) for name, value in zip(OUTPUTS, (point, low, high), strict=True)}
    (answer,) = decide([DemandQuestion(series="onion", horizon=3)], outputs, CONTEXT)
    assert 0 <= answer.low <= answer.forecast <= answer.high


def test_an_answer_says_what_it_is_about() -> None:
    outputs = {name: np.array([[value]]) for name, value in zip(OUTPUTS, (123.4567891, 100, 150), strict=True)}
    (answer,) = decide([DemandQuestion(series="tomato", horizon=3)], outputs, CONTEXT)
    assert (answer.series, answer.unit, answer.frequency) == ("tomato", "tonnes", "day")
    assert (answer.date, answer.horizon, answer.forecast) == (datetime.date(2025, 1, 3), 3, 123.457)
    (answer,) = decide([DemandQuestion(series="onion", date=datetime.date(2025, 3, 9))], outputs, MONTHS)
    assert (answer.date, answer.horizon, answer.frequency) == (datetime.date(2025, 3, 1), 3, "month")
