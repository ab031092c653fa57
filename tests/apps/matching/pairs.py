"""A small fitted model, without Ray, and lots to ask about."""

from __future__ import annotations

from functools import cache
from typing import Any

from apps.matching.schema import Availability, MatchQuestion, Requirement
from apps.matching.train.recipe import MatchRecipe
from tests.training.local import LocalTrainer
from training.recipe import Fitted, RecipeOptions, Split


@cache
def synthetic_split() -> tuple[MatchRecipe, Split]:
    recipe = MatchRecipe()
    return recipe, recipe.split(recipe.tidy(recipe.generate(3), RecipeOptions()))


@cache
def fitted() -> Fitted:
    recipe, split = synthetic_split()
    return recipe.fit(split, LocalTrainer(3, seed=3))


def wanted(name: str = "canon toner e-16", **fields: Any) -> Requirement:
    return Requirement(name=name, **fields)


def offered(name: str = "Canon E16 toner cartridge", identity: str = "A1", **fields: Any) -> Availability:
    return Availability(id=identity, name=name, **fields)


def question(*availabilities: Availability, requirement: Requirement | None = None, top: int = 5) -> MatchQuestion:
    return MatchQuestion(
        requirement=requirement or wanted(), availabilities=availabilities or (offered(),), top=top
    )
