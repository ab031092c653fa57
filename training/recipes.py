"""Finding an app's training side."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import Any

import serving.apps
from training.contract import Recipe
from training.errors import TrainingError

__all__ = ["RecipeError", "find", "names"]


class RecipeError(TrainingError):
    """There is no such app, or it has no recipe."""

    exit_code = 2


def names() -> tuple[str, ...]:
    """Apps that can be trained, by name."""
    found = (item.name for item in pkgutil.iter_modules(serving.apps.__path__) if item.ispkg)
    return tuple(sorted(name for name in found if importlib.util.find_spec(f"serving.apps.{name}.recipe")))


def find(app: str) -> Recipe[Any]:
    """The attribute `recipe` of `serving.apps.<app>.recipe`. Raises `RecipeError`, which names those there are."""
    known = names()
    if app not in known:
        raise RecipeError(f"{app!r} is not an app that can be trained; there are: {', '.join(known) or 'none'}")
    recipe = getattr(importlib.import_module(f"serving.apps.{app}.recipe"), "recipe", None)
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"serving/apps/{app}/recipe.py: expected `recipe`, an instance of a Recipe class")
    return recipe
