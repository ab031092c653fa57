from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.demand.schema import DemandContext, DemandQuestion, DemandSeries, Frequency
from apps.demand.serve.columns import FEATURES
from apps.demand.serve.features import ahead, encode, steps_between
from serving.kernel.errors import Invalid

LAST = datetime.date(2024, 12, 31)
CONTEXT = DemandContext(
    series=tuple(DemandSeries(name=name, unit="tonnes", last_date=LAST) for name in ("onion", "tomato")),
    events={datetime.date(2025, 1, 1): (3, 7)},
)
MONTHS = DemandContext(
    series=(DemandSeries(name="onion", unit="tonnes", last_date=datetime.date(2024, 12, 1)),),
    frequency="month",
    steps=12,
)


def test_a_row_holds_series_day_step_harvest_and_holidays() -> None:
    features = encode([DemandQuestion(series="tomato", horizon=1)], CONTEXT)["features"]
    day = (datetime.date(2025, 1, 1) - datetime.date(1970, 1, 1)).days
    assert features.dtype == np.float64
    assert features.tolist() == [[1, day, 1, 0, 0, 3, 7, 0, 0, 0, 0]]
    assert features.shape == (1, len(FEATURES))


def test_harvest_seasons_follow_the_month() -> None:
    rows = encode([DemandQuestion(series="onion", horizon=steps) for steps in (10, 70)], CONTEXT)["features"]
    assert rows[:, 3:5].tolist() == [[0, 0], [0, 1]]


@given(steps=st.integers(1, 90))
def test_a_horizon_and_its_date_are_the_same(steps: int) -> None:
    asked = [
        DemandQuestion(series="onion", horizon=steps),
        DemandQuestion(series="onion", date=ahead(LAST, steps, "day")),
    ]
    first, second = encode(asked, CONTEXT)["features"]
    assert first.tolist() == second.tolist()


def test_any_day_of_a_month_is_the_month() -> None:
    asked = [DemandQuestion(series="onion", date=datetime.date(2025, 3, day)) for day in (1, 31)]
    rows = encode([*asked, DemandQuestion(series="onion", horizon=3)], MONTHS)["features"]
    assert (rows == rows[0]).all()


@given(first=st.dates(datetime.date(1990, 1, 1), datetime.date(2090, 1, 1)), steps=st.integers(0, 400))
@pytest.mark.parametrize("frequency", ["day", "month"])
def test_steps_lead_where_they_are_counted(frequency: Frequency, first: datetime.date, steps: int) -> None:
    assert steps_between(first, ahead(first, steps, frequency), frequency) == steps


@pytest.mark.parametrize(
    ("question", "context", "field"),
    [
        (DemandQuestion(series="rice", horizon=1), CONTEXT, "series"),
        (DemandQuestion(series="onion"), CONTEXT, "horizon"),
        (DemandQuestion(series="onion", horizon=1, date=LAST), CONTEXT, "horizon"),
        (DemandQuestion(series="onion", date=LAST), CONTEXT, "date"),
        (DemandQuestion(series="onion", date=datetime.date.max), CONTEXT, "date"),
        (DemandQuestion(series="onion", date=datetime.date.min), CONTEXT, "date"),
        (DemandQuestion(series="onion", horizon=13), MONTHS, "horizon"),
    ],
)
def test_a_wrong_question_is_refused_with_its_place(
    question: DemandQuestion, context: DemandContext, field: str
) -> None:
    fine = DemandQuestion(series="onion", horizon=1)
    with pytest.raises(Invalid) as error:
        encode([fine, question], context)
    assert error.value.field == f"[1].{field}"


def test_no_questions_are_no_rows() -> None:
    assert encode([], CONTEXT)["features"].shape == (0, len(FEATURES))
