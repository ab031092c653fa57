from __future__ import annotations

import datetime

import pandas as pd
import pytest

from control.new.from_file.forecast_words import MONTH_LATER, forecast_words
from control.new.from_file.plan import plan
from tests.control.new.from_file.tables import churn, sales


def test_the_words_follow_the_unit_and_the_series() -> None:
    found = forecast_words(plan(sales(), "rows.csv", "sold", None, None))
    assert (found["unit"], found["season"], found["lags"], found["time_type"]) == ("day", "7", "14", "date")
    assert "weekday" in found["calendar"] and "hour" not in found["calendar"]
    assert '("east", "west")' == found["series_names"] and 'groupby("shop"' in found["groups"]
    alone = sales().query("shop == 'east'").drop(columns="shop").reset_index(drop=True)
    single = forecast_words(plan(alone, "rows.csv", "sold", None, None))
    assert single["groups"] == "frame" and single["series_field"] == ""


@pytest.mark.parametrize(("step", "length"), [("10min", "minutes=10"), ("h", "hours=1"), ("7D", "weeks=1")])
def test_the_step_as_source(step: str, length: str) -> None:
    times = pd.date_range("2024-01-01", periods=200, freq=step).astype(str)
    frame = pd.DataFrame({"at": times, "load": [number % 17 / 3 for number in range(200)]})
    found = forecast_words(plan(frame, "rows.csv", "load", None, None))
    assert found["after"].strip() == f"return time + datetime.timedelta({length})"
    assert ("hour" in found["calendar"]) is (step != "7D")
    assert pd.Timedelta(found["freq"]) == times.to_series().astype("datetime64[ns]").diff().iloc[1]


def test_only_a_forecast_has_them() -> None:
    with pytest.raises(ValueError, match="needs steps"):
        forecast_words(plan(churn(), "rows.csv", "churned", None, None))


@pytest.mark.parametrize(
    ("day", "later"),
    [
        ("2024-01-31", "2024-02-29"),
        ("2024-02-29", "2024-03-31"),
        ("2024-12-01", "2025-01-01"),
        ("2023-01-15", "2023-02-15"),
    ],
)
def test_a_month_later(day: str, later: str) -> None:
    space: dict[str, object] = {}
    exec(f"import calendar\ndef after(time):\n{MONTH_LATER}", space)
    after = space["after"]
    assert callable(after)
    assert after(datetime.date.fromisoformat(day)) == datetime.date.fromisoformat(later)
    assert after(pd.Timestamp(day)) == pd.Timestamp(later)
