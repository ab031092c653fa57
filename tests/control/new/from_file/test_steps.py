from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from control.new.from_file.columns import columns_of, python_names
from control.new.from_file.steps import Steps, steps_of


def found(frame: pd.DataFrame) -> Steps | None:
    columns = columns_of(frame, python_names(map(str, frame.columns)))
    (time,) = [column for column in columns if column.role == "time"]
    return steps_of(frame, time, [column for column in columns if column is not time])


@pytest.mark.parametrize(
    ("frequency", "unit", "season", "lags"),
    [
        ("5min", "five-minute step", 1, 24),
        ("15min", "quarter hour", 1, 33),
        ("h", "hour", 24, 24),
        ("D", "day", 7, 14),
        ("7D", "week", 1, 8),
        ("MS", "month", 12, 12),
        ("ME", "month", 12, 12),
    ],
)
def test_the_unit_of_the_steps(frequency: str, unit: str, season: int, lags: int) -> None:
    times = pd.date_range("2020-01-31", periods=200, freq=frequency)
    steps = found(pd.DataFrame({"when": times, "value": np.arange(200) % 11}))
    assert steps is not None
    assert (steps.unit, steps.season, steps.lags, steps.series) == (unit, season, lags, None)
    assert steps.whole_days is (unit in ("day", "week", "month"))


def test_some_gaps_are_fine_and_series_are_found() -> None:
    days = pd.bdate_range("2020-01-01", periods=100)
    frame = pd.concat([pd.DataFrame({"day": days, "shop": shop, "sold": np.arange(100) % 7}) for shop in "ab"])
    steps = found(frame.reset_index(drop=True))
    assert steps is not None and steps.series is not None
    assert (steps.unit, steps.series.name, steps.names) == ("day", "shop", ("a", "b"))
    for shops in (range(3), [f"shop {number}" for number in range(60)]):
        parts = [pd.DataFrame({"day": days, "shop": shop, "sold": np.arange(100) / 3}) for shop in shops]
        steps = found(pd.concat(parts, ignore_index=True))
        assert steps is not None and steps.series is not None
        assert (steps.series.name, steps.names) == ("shop", tuple(sorted(map(str, shops))))


def test_a_short_series_has_a_short_window_and_no_season() -> None:
    steps = found(
        pd.DataFrame({"month": pd.date_range("2020-01-01", periods=70, freq="MS"), "x": np.arange(70) % 9})
    )
    assert steps is not None and (steps.lags, steps.season) == (11, 1)


def test_rows_that_do_not_follow_each_other_are_no_series() -> None:
    random = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(random.choice(9000, 100, replace=False), "D")
    assert found(pd.DataFrame({"day": days, "x": random.random(100)})) is None
    twice = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=50).repeat(2), "x": random.random(100)})
    assert found(twice) is None
    assert found(pd.DataFrame({"day": pd.date_range("2020-01-01", periods=69), "x": random.random(69)})) is None
