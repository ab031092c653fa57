"""Small tables and models for the tests of the quality app."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from apps.quality.schema import QualityContext
from apps.quality.train.model import QualityModel
from apps.quality.train.recipe import QualityRecipe
from tests.training.local import LocalTrainer
from training.recipe import Fitted, RecipeOptions, Split

CONTEXT = QualityContext(
    features=("size", "weight"),
    grades=("low", "high"),
    values=(20.0, 80.0),
    center=(10.0, 100.0),
    spread=(2.0, 10.0),
    within=(1.0, 5.0),
    usual=(((8.0, 10.0), (80.0, 100.0)), ((10.0, 12.0), (100.0, 120.0))),
)


def beans(count: int = 1200, seed: int = 3, grades: int = 3) -> pd.DataFrame:
    """A table like Dry Bean's: no suppliers, no values, one grade below the other, whole numbers."""
    rng = np.random.default_rng(seed)
    grade = np.sort(rng.integers(0, grades, count))
    return pd.DataFrame(
        {
            "Area": (30_000 + 6_000 * grade + rng.normal(0, 3_000, count)).round(),
            "Roundness": 0.9 - 0.05 * (grade == 1) + rng.normal(0, 0.02, count),
            "Extent": rng.normal(0.7, 0.05, count),
            "Class": np.array(["DERMASON", "SIRA", "SEKER", "HOROZ"])[grade],
        }
    )


@cache
def bean_split() -> tuple[pd.DataFrame, Split]:
    """The beans, tidied and cut; treat as read-only."""
    recipe = QualityRecipe()
    frame = recipe.schema.validate(recipe.tidy(beans(), RecipeOptions()))
    return frame, recipe.split(frame)


@cache
def bean_model() -> tuple[QualityRecipe, Fitted]:
    """A model of the beans."""
    recipe = QualityRecipe()
    return recipe, recipe.fit(bean_split()[1], LocalTrainer())


@cache
def lot_split() -> tuple[pd.DataFrame, Split]:
    """The made-up lots with suppliers and ordered grades; treat as read-only."""
    recipe = QualityRecipe()
    frame = recipe.schema.validate(recipe.tidy(recipe.generate(7), RecipeOptions()))
    return frame, recipe.split(frame)


@cache
def lot_model() -> tuple[QualityRecipe, Fitted]:
    """A model of the made-up lots."""
    recipe = QualityRecipe()
    return recipe, recipe.fit(lot_split()[1], LocalTrainer())


def model_of(fitted: Fitted) -> QualityModel:
    model: QualityModel = fitted.model
    return model
