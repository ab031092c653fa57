from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apps.demand.train.data import SCHEDULES
from apps.demand.train.report import choose, evaluation, gate, judged_rows, level_at, wapes
from training.measures import evaluate

DAY = SCHEDULES["day"]


def backtest(
    model: float = 5.0, naive: float = 12.0, needed: float = 1.0, actual: float = 100.0, flat: float = 10.0
) -> pd.DataFrame:
    """Rows of all origins with errors of known size."""
    rng = np.random.default_rng(2)
    rows = pd.DataFrame(
        [{"origin": back, "step": step} for back in DAY.judged for step in range(1, 91) if step <= back]
    )
    size = len(rows)
    return rows.assign(
        series="onion",
        plan="p",
        date=pd.Timestamp("2024-12-31") - pd.to_timedelta(rows["origin"] - rows["step"], unit="D"),
        actual=actual,
        predicted=actual + rng.normal(0, model, size),
        baseline=actual + rng.normal(0, naive, size),
        needed=rng.random(size) * needed,
        flat=actual + np.random.default_rng(4).normal(0, flat, size),
        level=0.8,
    )


def passed(rows: pd.DataFrame) -> dict[str, bool]:
    return {check.name: check.passed for check in gate(evaluation(rows, DAY, 7), 0.8)}


def test_a_good_model_passes() -> None:
    assert set(passed(backtest()).values()) == {True}


def test_where_seasonal_naive_wins_the_gate_refuses() -> None:
    found = passed(backtest(model=12.0, naive=5.0))
    assert not found["beats seasonal-naive, 90 days"]
    assert not found["skill, 30 days"]


def test_an_even_match_is_no_gain() -> None:
    assert not passed(backtest(model=8.0, naive=8.0))["beats seasonal-naive, 90 days"]


def test_noise_about_a_level_is_not_forecast_better_than_by_the_level() -> None:
    """Seasonal-naive repeats the noise, so both gain over it: the level, and the level with noise of its own."""
    assert all(passed(backtest(model=8.5, naive=12.0, flat=8.5)).values())
    found = passed(backtest(model=9.5, naive=12.0, flat=8.5))
    assert {name for name, good in found.items() if not good} == {
        f"no worse than a flat forecast, {days} days" for days in DAY.horizons
    }


def test_a_perfect_rule_passes_and_a_faint_signal_needs_many_days() -> None:
    assert all(passed(backtest(model=0.0)).values())
    found = passed(backtest(model=9.95, naive=10.0))
    assert not found["beats seasonal-naive, 90 days"]


@pytest.mark.parametrize("needed", [0.85, 1.4])
def test_intervals_that_hold_too_much_or_too_little_are_refused(needed: float) -> None:
    assert not passed(backtest(needed=needed))["coverage, 90 days"]


def test_every_horizon_has_six_origins_and_a_baseline() -> None:
    rows = backtest()
    for horizon in DAY.horizons:
        assert judged_rows(rows, DAY, horizon).groupby("origin")["step"].max().tolist() == [horizon] * 6
    metrics = {(metric.name, metric.slice): metric for metric in evaluation(rows, DAY, 7).metrics}
    assert metrics["wape", "30 days"].baseline is not None
    assert metrics["wape", "30 days"].gain_low is not None
    assert metrics["wape_worst", "90 days"].value >= metrics["wape", "90 days"].value
    assert metrics["mape", "30 days"].value == pytest.approx(metrics["wape", "30 days"].value, rel=1e-6)


def test_mape_is_refused_near_zero_and_wape_is_not() -> None:
    """A storm day with next to no demand would be all of MAPE."""
    rows = backtest()
    rows.loc[rows.index[-3], "actual"] = 0.5
    names = {(metric.name, metric.slice) for metric in evaluation(rows, DAY, 7).metrics}
    assert ("wape", "90 days") in names
    assert ("mape", "90 days") not in names
    with pytest.raises(ValueError, match="use wape"):
        evaluate.mape(rows["actual"].to_numpy(), rows["predicted"].to_numpy())


def test_windows_without_demand_are_no_finite_metric() -> None:
    metrics = {metric.name: metric.value for metric in evaluation(backtest().assign(actual=0.0), DAY, 7).metrics}
    assert np.isinf(metrics["wape"])
    assert np.isnan(metrics["skill"])


def test_wape_is_of_each_series_and_origin() -> None:
    rows = backtest().assign(predicted=110.0)
    assert wapes(rows).round(9).tolist() == [10.0] * len(DAY.judged)


def test_the_best_plan_is_chosen_and_the_simpler_of_equals() -> None:
    good, bad = backtest(model=2.0).assign(plan="good"), backtest(model=9.0).assign(plan="bad")
    assert choose(pd.concat([bad, good])) == {"onion": "good"}
    assert choose(pd.concat([good.assign(plan="first"), good.assign(plan="second")])) == {"onion": "first"}


def test_a_level_is_set_by_what_was_known() -> None:
    rows = backtest(needed=0.9)
    before = level_at(rows, DAY, 60, 0.8)
    rows.loc[rows["origin"] - rows["step"] < 60, "needed"] = 1.0
    rows.loc[rows["origin"] <= 60, "needed"] = 1.0
    assert level_at(rows, DAY, 60, 0.8) == before
    assert level_at(rows, DAY, 0, 0.8) > before
