"""Which apps the stack can serve at once, which need a version first, and which cannot be imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from control.errors import CommandError, StackError
from control.settings import StackSettings
from serving.kernel.added.find import AddedModels
from serving.kernel.app import App
from serving.kernel.find_app import app_folders, find_app
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused

__all__ = ["Survey", "survey"]

FIRST = "price"
"""The app that the README asks first, so the one that is trained first."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The apps of `SLIPWAY_APPS`, or of the repository, by name and by what they need."""

    names: tuple[str, ...]
    """What `SLIPWAY_APPS` must be for every app that can be imported; beside a broken one, of added models too."""
    ready: tuple[str, ...] = ()
    """Apps with a version that was trained for today's features."""
    missing: tuple[str, ...] = ()
    """Apps without such a version, in the order in which they are trained."""
    broken: tuple[str, ...] = ()
    """For each app that cannot be imported: its name and the reason."""


def survey(settings: StackSettings) -> Survey:
    """Import every app and look for its versions: in the order of `SLIPWAY_APPS`, else `price` and then by name.

    Raises `CommandError` for a name that is no app, and `StackError` when no app can be imported.
    """
    repository = Repository(settings.model_repository)
    names: list[str] = []
    ready: list[str] = []
    missing: list[str] = []
    broken: list[str] = []
    for name in settings.apps or sorted(app_folders(), key=lambda name: (name != FIRST, name)):
        try:
            app = find_app(name, settings.model_repository)
        except LookupError as error:
            raise CommandError(f"SLIPWAY_APPS: {error}") from error
        except Exception as error:  # noqa: BLE001 - importing runs an app's own code, which may raise anything
            broken.append(f"{name} cannot be imported: {type(error).__name__}: {error}")
            continue
        names.append(name)
        fits = any(_fits(repository, app, version) for version in repository.versions(app.name))
        (ready if fits else missing).append(app.name)
    if broken and not names:
        raise StackError("\n".join(["no app can be served", *broken]))
    if broken and not settings.apps:
        # Without names the gateway would serve every added model, and import the broken app.
        models = AddedModels(repository, app_folders())
        names += [name for name in models.names() if models.app(name) is not None]
    return Survey(names=tuple(names), ready=tuple(ready), missing=tuple(missing), broken=tuple(broken))


def _fits(repository: Repository, app: App[Any, Any, Any], version: int) -> bool:
    from serving.models.loader import check_signature

    try:
        check_signature(app, repository.manifest(app.name, version))
    except Refused:
        return False
    return True
