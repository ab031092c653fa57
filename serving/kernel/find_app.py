"""Finds apps: the folders of `apps/`, other packages by their dotted names, and models added from a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from serving.kernel.added.find import AddedModels, find_added
from serving.kernel.app import App
from serving.kernel.app_values import load_values
from serving.kernel.settings import Settings, read
from serving.kernel.storage.model_repository import Repository

__all__ = [
    "PACKAGE",
    "app_folders",
    "find_app",
    "find_apps",
    "find_deployed",
    "find_served",
    "listed_packages",
]

PACKAGE = "apps"
"""The package of Slipway's own apps."""
MOST_NAMES = 20
"""Names of added models in an error."""


def app_folders() -> tuple[str, ...]:
    """The names of the apps in `apps/`, sorted; empty if only other apps are installed."""
    try:
        path = importlib.import_module(PACKAGE).__path__
    except ModuleNotFoundError as cause:
        if cause.name != PACKAGE:
            raise
        return ()
    return tuple(sorted(item.name for item in pkgutil.iter_modules(path) if item.ispkg))


def listed_packages() -> dict[str, str]:
    """The apps outside the repository that `SLIPWAY_APPS` lists: name to package, such as `acme.rainfall`."""
    packages = [name for name in read(Settings).apps if "." in name]
    return {package.rpartition(".")[2]: package for package in packages}


def find_apps(names: Iterable[str] = ()) -> tuple[App[Any, Any, Any], ...]:
    """The apps with these names, by default every folder of `apps/`. Raises `LookupError`.

    A name with dots, such as `ourteam.apps.rainfall`, is a package outside of `apps/` whose `app.py` has the app.
    """
    folders = app_folders()
    return tuple(_import(name, folders) for name in list(names) or folders)


def find_served(settings: Settings) -> tuple[tuple[App[Any, Any, Any], ...], tuple[str, ...] | None]:
    """The apps that a process with these settings serves, and the added models among them; None: all there are.

    Raises `LookupError` for a name that is neither.
    """
    if not settings.apps:
        return find_apps(), None
    there = set(Repository(settings.model_repository).models()) - set(app_folders())
    added = tuple(name for name in settings.apps if name in there)
    own = [name for name in settings.apps if name not in added]
    return (find_apps(own) if own else ()), added


def find_deployed(settings: Settings) -> tuple[App[Any, Any, Any], ...]:
    """Those apps, and the added models that are there now, whose values count when a gateway is deployed.

    An added model whose values cannot be read is left out. Raises `LookupError` as `find_served`.
    """
    apps, wanted = find_served(settings)
    models = AddedModels(Repository(settings.model_repository), {app.name for app in apps}, wanted)
    added = [app for app in map(models.app, models.names()) if app is not None]
    return (*apps, *filter(_has_values, added))


def _has_values(app: App[Any, Any, Any]) -> bool:
    try:
        load_values(app.folder)
    except (OSError, ValueError):
        return False
    return True


def _import(name: str, folders: Sequence[str]) -> App[Any, Any, Any]:
    if "." not in name and name not in folders:
        raise LookupError(f"there is no app {name!r}; there are: {', '.join(folders)}")
    package = name if "." in name else f"{PACKAGE}.{name}"
    try:
        app: App[Any, Any, Any] = importlib.import_module(f"{package}.app").app
    except ModuleNotFoundError as cause:
        if not f"{package}.app".startswith(str(cause.name)):
            raise
        raise LookupError(f"there is no app {name!r}: no module {package}.app on the Python path") from cause
    return app


def _unknown(name: str, repository: Path) -> str:
    folders = app_folders()
    models = AddedModels(Repository(repository), folders)
    added = [one for one in models.names() if models.app(one) is not None]
    more = f"; added models: {', '.join(added[:MOST_NAMES])}" if added else ""
    return f"there is no app {name!r}; there are: {', '.join(folders)}{more}"


def find_app(name: str, repository: Path | None = None, version: int = 0) -> App[Any, Any, Any]:
    """One app by its name or its package, or a model of the repository that was added. Raises `LookupError`.

    An app outside the repository is found by its name alone where `SLIPWAY_APPS` lists its package. Each version
    of an added model has an app of its own: `version` says which, by default the champion. `repository` is that of
    the settings by default.
    """
    package = listed_packages().get(name, name)
    if "." not in package and package not in app_folders():
        there = repository or read(Settings).model_repository
        added = find_added(there, package, version)
        if added is not None:
            return added
        if version and find_added(there, package) is not None:
            raise LookupError(f"{package} has no version {version} in the model repository that can be read")
        raise LookupError(_unknown(name, there))
    return find_apps([package])[0]
