"""Small demand tables and models fitted on them in this process, for the recipe's tests."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from apps.demand.schema import Frequency
from apps.demand.train.prophet import Fit, Plan, fit
from apps.demand.train.recipe import DemandRecipe
from tests.training.local import LocalTrainer
from training.recipe import Fitted, RecipeOptions, Split


def daily(days: int = 800, start: str = "2022-01-01", level: float = 200.0) -> pd.DataFrame:
    """A trend with a bend, a year, a week and noise, in the plain layout."""
    rng = np.random.default_rng(3)
    dates = pd.date_range(start, periods=days)
    at = np.arange(days)
    values = level + 0.05 * at + 0.2 * np.maximum(0, at - 300) + 30 * np.sin(2 * np.pi * at / 365.25)
    values += 20 * np.cos(2 * np.pi * at / 7) + rng.normal(0, 8, days)
    return pd.DataFrame({"date": dates, "demand": np.maximum(values, 0)})


def monthly(months: int = 96) -> pd.DataFrame:
    """Growth and a year, on the first of each month."""
    rng = np.random.default_rng(4)
    at = np.arange(months)
    values = (100 + at) * (1 + 0.2 * np.cos(2 * np.pi * at / 12)) * (1 + rng.normal(0, 0.02, months))
    return pd.DataFrame({"date": pd.date_range("2016-01-01", periods=months, freq="MS"), "demand": values})


@cache
def model(
    mode: str = "additive", growth: str = "linear", events: bool = False, frequency: Frequency = "day"
) -> Any:
    """A Prophet of `daily()` or `monthly()`; treat as read-only."""
    table = daily() if frequency == "day" else monthly()
    days = (table["date"] - pd.Timestamp(0)).dt.days.tolist()
    return fit(Fit(days, table["demand"].tolist(), Plan("test", mode, growth, events), frequency))


@cache
def fitted() -> tuple[DemandRecipe, Split, Fitted]:
    """One daily series through the recipe; treat as read-only."""
    recipe = DemandRecipe()
    frame = recipe.schema.validate(recipe.tidy(daily(), RecipeOptions(select={"series": "onion"})))
    split = recipe.split(frame)
    return recipe, split, recipe.fit(split, LocalTrainer())
