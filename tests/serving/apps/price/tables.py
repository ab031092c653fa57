"""Small made-up market tables, and boosters fitted on them without Ray, for the recipe's tests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from serving.apps.price.recipe import PriceRecipe
from training.contract import Fitted, Options, Split


class LocalTrainer:
    """What a recipe asks of a trainer, in this process and with few rounds."""

    def __init__(self, rounds: int = 15) -> None:
        self.workers = 1
        self.seed = 7
        self.rounds = rounds
        self.lines: list[str] = []

    def tuned(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        return dict(defaults)

    def log(self, text: str) -> None:
        self.lines.append(text)

    def xgboost_twice(
        self,
        params: dict[str, Any],
        train: tuple[Any, Any],
        validation: tuple[Any, Any],
        rounds: int,
        early_stopping: int,
    ) -> tuple[Any, Any]:
        import xgboost

        params = {"seed": self.seed, "nthread": 1, **params}
        first = xgboost.train(
            params,
            xgboost.DMatrix(*train),
            min(rounds, self.rounds),
            evals=[(xgboost.DMatrix(*validation), "validation")],
            callbacks=[xgboost.callback.EarlyStopping(rounds=early_stopping, save_best=True)],
            verbose_eval=False,
        )
        both = [np.concatenate(pair) for pair in zip(train, validation, strict=True)]
        return first, xgboost.train(params, xgboost.DMatrix(*both), first.num_boosted_rounds())


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
    frame = recipe.schema.validate(recipe.tidy(few, Options()))
    return frame, recipe.split(frame)


@cache
def fitted() -> tuple[PriceRecipe, Fitted]:
    """A small model of those markets."""
    recipe = PriceRecipe()
    _, split = synthetic_split()
    return recipe, recipe.fit(split, LocalTrainer())  # type: ignore[arg-type]
