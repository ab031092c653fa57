"""Find the recipe of an app, in its package `train`."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from serving.kernel.added.find import find_added
from serving.kernel.find_app import PACKAGE, app_folders, listed_packages
from serving.kernel.settings import Settings, read
from training.errors import TrainingError
from training.recipe import Recipe

__all__ = ["RecipeError", "find", "names"]


class RecipeError(TrainingError):
    """The app does not exist, or has no usable recipe."""

    exit_code = 2


def names() -> tuple[str, ...]:
    """Names of the apps that can be trained: those in `apps/`, and packages that `SLIPWAY_APPS` names."""
    return tuple(sorted(_packages()))


def find(app: str) -> Recipe[Any]:
    """The attribute `recipe` of `apps.<app>.train.recipe`.

    An app outside the repository is given by its package (`acme.rainfall`), or by its name alone when
    `SLIPWAY_APPS` lists the package. Raises `RecipeError`, which names the apps that can be trained.
    """
    package = app if "." in app and _trains(app) else _packages().get(app)
    if package is None and find_added(read(Settings).model_repository, app) is not None:
        raise RecipeError(
            f"{app} was added from a file, so it has no recipe to train; `slipway add` makes its next version"
        )
    if package is None:
        known = ", ".join(names()) or "none"
        raise RecipeError(f"{app!r} is not an app that can be trained; available: {known}")
    recipe = getattr(importlib.import_module(f"{package}.train.recipe"), "recipe", None)
    if not isinstance(recipe, Recipe):
        file = f"{package}.train.recipe".replace(".", "/")
        raise RecipeError(f"{file}.py: expected `recipe`, an instance of a subclass of `Recipe`")
    return recipe


def _packages() -> dict[str, str]:
    """App name -> package, for the apps that have a recipe."""
    packages = {name: f"{PACKAGE}.{name}" for name in app_folders()} | listed_packages()
    return {name: package for name, package in packages.items() if _trains(package)}


def _trains(package: str) -> bool:
    try:
        return importlib.util.find_spec(f"{package}.train.recipe") is not None
    except (ImportError, ValueError):
        # A parent package does not exist, or the name is not a valid package name.
        return False
