"""The analytic interval beside Prophet's own sampling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from apps.demand.train.interval import Spread, halves, level_of, reach, spread_of
from apps.demand.train.prophet import conditions, quiet
from apps.demand.train.tables import step_size
from tests.apps.demand.tables import model

SAMPLES = 8000


def test_without_changes_of_trend_it_is_gaussian() -> None:
    found = reach(Spread(0.3, 0.0, 0.0, 0.01), 5, np.array([0.5, 1.0]), 0.8)
    assert found.shape == (6, 2)
    np.testing.assert_allclose(found, 0.3 * norm.ppf(0.9), rtol=1e-3)


@pytest.mark.parametrize("spread", [Spread(0.1, 0.5, 0.03, 0.01), Spread(0.01, 2.0, 0.03, 0.01)])
def test_quantiles_are_those_of_samples(spread: Spread) -> None:
    """Mostly noise, and mostly rare large changes, whose tails are heavy."""
    rng = np.random.default_rng(1)
    changes = (rng.random((100_000, 30)) < spread.chance) * rng.laplace(0, spread.laplace, (100_000, 30))
    drawn = changes @ (np.arange(30) + 0.5) * spread.step + rng.normal(0, spread.sigma, 100_000)
    for level in (0.5, 0.8, 0.95):
        wanted = np.quantile(np.abs(drawn), level)
        assert reach(spread, 30, np.ones(1), level)[30, 0] == pytest.approx(wanted, rel=0.03)


def test_level_and_half_width_are_inverse() -> None:
    spread, steps = Spread(0.1, 0.2, 0.05, 0.01), np.array([1, 30, 90])
    factors = np.array([1.0, 0.7, 1.3])
    found = level_of(spread, steps, factors, halves(spread, steps, factors, 0.8))
    np.testing.assert_allclose(found, 0.8, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "growth"), [("additive", "linear"), ("multiplicative", "linear"), ("additive", "flat")]
)
def test_the_interval_is_prophets(mode: str, growth: str) -> None:
    fitted = model(mode, growth)
    last = fitted.history["ds"].max()
    frame = conditions(pd.DataFrame({"ds": pd.date_range(last, periods=91)[1:]}))
    np.random.seed(5)
    samples, fitted.uncertainty_samples = fitted.uncertainty_samples, SAMPLES
    with quiet():
        drawn = fitted.predict(frame)
    fitted.uncertainty_samples = samples
    spread = spread_of(fitted, step_size(fitted, 90, monthly=False))
    factors = np.abs(1 + drawn["multiplicative_terms"].to_numpy())
    half = halves(spread, np.arange(1, 91), factors, fitted.interval_width) * fitted.y_scale
    sampled = (drawn["yhat_upper"] - drawn["yhat_lower"]).to_numpy() / 2
    # Of 8,000 samples, the 80 % interval's half-width has a standard error of about 1.4 %.
    assert np.abs(half / sampled - 1).max() < 0.06
    assert abs((half / sampled - 1).mean()) < 0.01


def test_levels_outside_0_and_1_are_refused() -> None:
    with pytest.raises(ValueError, match="level 1"):
        reach(Spread(0.1, 0.0, 0.0, 0.01), 5, np.ones(1), 1)
