from __future__ import annotations

import datetime

import pytest

from apps.demand.train import calendar
from apps.demand.train.calendar import FESTIVALS, calendar_of, festivals
from training.errors import DataError


def test_every_festival_is_found_in_every_year() -> None:
    table = festivals(2020, 2026)
    years = table.groupby("holiday")["ds"].apply(lambda days: set(days.dt.year))
    assert set(years.index) == set(FESTIVALS)
    assert all(found >= set(range(2020, 2027)) for found in years)
    assert "2024-10-31" in table.loc[table["holiday"] == "diwali", "ds"].astype(str).tolist()


def test_the_calendar_has_the_window_of_a_feast() -> None:
    names = ["diwali_delim_+0", "diwali_delim_-1", "unknown_delim_+0"]
    found = calendar_of(names, datetime.date(2024, 10, 1), datetime.date(2024, 12, 1), (2024, 2024))
    assert found == {datetime.date(2024, 10, 30): (2,), datetime.date(2024, 10, 31): (1,)}
    assert calendar_of([], datetime.date(2024, 1, 1), datetime.date(2024, 12, 1), (2024, 2024)) == {}


def test_more_effects_than_inputs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "EVENTS", 0)
    with pytest.raises(DataError, match="2024-10-31 has 1 holiday effects"):
        calendar_of(["diwali_delim_+0"], datetime.date(2024, 1, 1), datetime.date(2024, 12, 1), (2024, 2024))
