from __future__ import annotations

import datetime
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.price.serve.seasons import HARVEST, SEASONS, crop_of, place_in_year


@given(st.lists(st.dates(datetime.date(1990, 1, 1), datetime.date(2099, 12, 31)), min_size=1, max_size=4))
def test_the_calendar_is_the_calendar(dates: list[datetime.date]) -> None:
    rows = place_in_year(np.array([date.toordinal() for date in dates]))
    for date, (weekday, month, sin, cos) in zip(dates, rows, strict=True):
        angle = 2 * math.pi * (date.timetuple().tm_yday - 1) / 365.25
        assert (weekday, month) == (date.weekday(), date.month)
        assert (sin, cos) == (np.float32(np.sin(angle)), np.float32(np.cos(angle)))


@pytest.mark.parametrize("crop", list(SEASONS))
def test_the_harvest_is_looked_up_by_month(crop: str) -> None:
    assert HARVEST[crop_of(crop)].tolist() == [0, *SEASONS[crop]]
    assert len(SEASONS[crop]) == 12


def test_a_commodity_without_a_season_of_its_own_gets_the_general_one() -> None:
    assert crop_of("saffron") == crop_of("general") == 0
    assert crop_of("onion") == list(SEASONS).index("onion")
