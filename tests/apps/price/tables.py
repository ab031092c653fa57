"""Small made-up market tables, and boosters fitted on them without Ray, for the recipe's tests."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from apps.price.train.recipe import PriceRecipe
from tests.training.local import LocalTrainer
from training.recipe import Fitted, RecipeOptions, Split


def plain(markets: int = 3, days: int = 40, start: str = "2019-01-01") -> pd.DataFrame:
    """A table in the plain layout."""
    rng = np.random.default_rng(3)
    dates = pd.date_range(start, periods=days)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "market": f"m{number}",
                    "date": dates,
                    "price": rng.uniform(500, 1500, days).round(),
                    "arrival": rng.uniform(1, 90, days).round(1),
                    "commodity": "onion",
                }
            )
            for number in range(markets)
        ],
        ignore_index=True,
    )


@cache
def synthetic_split() -> tuple[pd.DataFrame, Split]:
    """Four of the made-up markets, tidied and cut; treat as read-only."""
    recipe = PriceRecipe()
    raw = recipe.generate(7)
    few = raw[raw["market"].isin(sorted(raw["market"].unique())[:4])]
    frame = recipe.schema.validate(recipe.tidy(few, RecipeOptions()))
    return frame, recipe.split(frame)


@cache
def fitted() -> tuple[PriceRecipe, Fitted]:
    """A small model of those markets."""
    recipe = PriceRecipe()
    _, split = synthetic_split()
    return recipe, recipe.fit(split, LocalTrainer())
