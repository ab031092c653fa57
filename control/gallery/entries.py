"""The entries of the page: facts about each app from the model repository, its card and a running MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.cards.write import CARD
from serving.kernel.added.find import AddedModels
from serving.kernel.app import App
from serving.kernel.find_app import app_folders, find_app, find_apps
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import Manifest
from training.errors import RegistryError
from training.publish import repository
from training.registry.mlflow_registry import Registry

__all__ = ["Entry", "collect"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One app. `manifest` is None if the app has no version."""

    app: str
    summary: str
    card: str
    """Markdown; empty if there is no card."""
    manifest: Manifest | None = None
    champion: bool = False
    others: tuple[int, ...] = ()
    """The other published versions."""
    plots: tuple[Path, ...] = ()
    missing: str = ""
    """The reason why there are no plots."""


def collect(models: Path, registry: Registry | None, folder: Path, only: Sequence[str] = ()) -> list[Entry]:
    """Return an entry for every app and added model, or for those in `only`. Plots are fetched into `folder`.

    Raises `LookupError` for an unknown app.
    """
    chosen = [find_app(name, models) for name in only] or [*find_apps(), *_added(models)]
    return [
        _entry(app.name, app.summary, app.folder / CARD, models, registry, folder / app.name) for app in chosen
    ]


def _added(models: Path) -> list[App[Any, Any, Any]]:
    found = AddedModels(Repository(models), app_folders())
    return [app for app in map(found.app, found.names()) if app is not None]


def _entry(name: str, summary: str, card: Path, models: Path, registry: Registry | None, folder: Path) -> Entry:
    text = card.read_text() if card.is_file() else ""
    there = repository.versions(models, name)
    if not there:
        return Entry(app=name, summary=summary, card=text)
    champion = repository.aliases(models, name).champion
    version = champion if champion in there else there[-1]
    manifest = repository.manifest(models, name, version)
    plots, missing = _plots(manifest, registry, folder)
    return Entry(
        app=name,
        summary=summary,
        card=text,
        manifest=manifest,
        champion=version == champion,
        others=tuple(number for number in there if number != version),
        plots=plots,
        missing=missing,
    )


def _plots(manifest: Manifest, registry: Registry | None, folder: Path) -> tuple[tuple[Path, ...], str]:
    if manifest.added:
        return (), "It was added from a file, so there are no plots of a training."
    if registry is None:
        return (), f"The plots of run {manifest.run_id} are missing: they are in MLflow, which is not running."
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = registry.fetch(manifest.run_id, "plots", folder)
    except RegistryError as error:
        return (), f"The plots of run {manifest.run_id} are missing: {error}"
    plots = tuple(sorted(found.glob("*.png"))) if found is not None else ()
    return plots, "" if plots else f"Run {manifest.run_id} has no plots."
