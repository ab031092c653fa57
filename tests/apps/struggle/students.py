"""Small made-up classes, and a booster fitted on them without Ray, for the app's tests."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from apps.struggle.schema import EXAMPLE, Assessment, StruggleContext, StruggleQuestion, StudyRecord
from apps.struggle.train.recipe import recipe
from tests.training.local import LocalTrainer
from training.recipe import Fitted, RecipeOptions, Split

CONTEXT = StruggleContext(slopes=(1.0,) * 4, shifts=(0.0,) * 4, thresholds=(0.5,) * 4)


@cache
def table() -> pd.DataFrame:
    """The tidy table of the generator."""
    return recipe.tidy(recipe.generate(7), RecipeOptions())


@cache
def fitted() -> tuple[Fitted, Split]:
    """A small model and what it was fitted on."""
    split = recipe.split(table())
    return recipe.fit(split, LocalTrainer(25)), split


def item(due: int, submitted: int | None = None, score: float | None = None, **more: Any) -> Assessment:
    return Assessment(
        **{"kind": "TMA", "due": due, "weight": 20.0, "submitted": submitted, "score": score, **more}
    )


def asked(*items: Assessment, day: int | None = 60, **record: Any) -> StruggleQuestion:
    return StruggleQuestion(
        student="1", objective=EXAMPLE.objective, day=day, record=StudyRecord(assessments=items, **record)
    )
