"""Small made-up classes, and a booster fitted on them without Ray, for the app's tests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from serving.apps.struggle.recipe import recipe
from serving.apps.struggle.schema import EXAMPLE, Assessment, StruggleContext, StruggleQuestion, StudyRecord
from training.contract import Fitted, Options, Split

CONTEXT = StruggleContext(slopes=(1.0,) * 4, shifts=(0.0,) * 4, thresholds=(0.5,) * 4)


class LocalTrainer:
    """What a recipe asks of a trainer, in this process and with few rounds."""

    workers = 1
    seed = 7

    def tuned(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        return dict(defaults)

    def log(self, text: str) -> None:
        """Nobody watches."""

    def xgboost_twice(
        self, params: dict[str, Any], train: Any, validation: Any, rounds: int, early_stopping: int
    ) -> tuple[Any, Any]:
        import xgboost

        params = {"seed": self.seed, "nthread": 1, **params}
        first = xgboost.train(params, xgboost.DMatrix(*train), 25)
        both = [np.concatenate(pair) for pair in zip(train, validation, strict=True)]
        return first, xgboost.train(params, xgboost.DMatrix(*both), 25)


@cache
def table() -> pd.DataFrame:
    """The tidy table of the generator."""
    return recipe.tidy(recipe.generate(7), Options())


@cache
def fitted() -> tuple[Fitted, Split]:
    """A small model and what it was fitted on."""
    split = recipe.split(table())
    return recipe.fit(split, LocalTrainer()), split  # type: ignore[arg-type]


def item(due: int, submitted: int | None = None, score: float | None = None, **more: Any) -> Assessment:
    return Assessment(
        **{"kind": "TMA", "due": due, "weight": 20.0, "submitted": submitted, "score": score, **more}
    )


def asked(*items: Assessment, day: int | None = 60, **record: Any) -> StruggleQuestion:
    return StruggleQuestion(
        student="1", objective=EXAMPLE.objective, day=day, record=StudyRecord(assessments=items, **record)
    )
