"""Functions that several commands need."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from control.console import note
from control.settings import StackSettings
from control.stack.files.state import read_state

if TYPE_CHECKING:
    from serving.kernel.storage.version_manifest import Metric
    from training.registry.mlflow_registry import Registry

__all__ = ["METRIC_COLUMNS", "metric_row", "note_unjudged", "own_options", "plain_name", "running_registry"]

METRIC_COLUMNS = ("metric", "slice", "value", "naive baseline", "gain, 95 % interval", "rows")


def running_registry(settings: StackSettings) -> Registry | None:
    """Return the registry of `MLFLOW_TRACKING_URI`, else of the running stack, else None."""
    from training.errors import RegistryError
    from training.registry.mlflow_registry import Registry

    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    state = read_state(settings.home)
    uri = given or (state.mlflow_uri if state is not None else "")
    if not uri:
        return None
    registry = Registry(uri)
    try:
        registry.ping()
    except RegistryError:
        if given:
            raise
        return None
    return registry


def plain_name(app: str) -> str:
    """The app's name, also of an app that was given by its package: `rainfall` for `acme.rainfall`.

    Raises `typer.BadParameter` for a package that has no app.
    """
    if "." not in app:
        return app
    from serving.kernel.find_app import find_app

    try:
        return find_app(app).name
    except LookupError as cause:
        raise typer.BadParameter(str(cause)) from cause


def note_unjudged(models: Path, name: str, version: int) -> None:
    """Say so if the version was added without known answers, as far as the model repository `models` has it."""
    from serving.kernel.storage.model_repository import Repository
    from serving.kernel.storage.version_files import Refused

    try:
        manifest = Repository(models).manifest(name, version)
    except Refused:
        return
    if manifest.added and not manifest.gate:
        note(f"{name} version {version} was not judged against known answers.")


def metric_row(metric: Metric) -> tuple[str, ...]:
    """Return the cells of a metric in the order of `METRIC_COLUMNS`."""
    from control.cards.figures import gain_text

    return (
        f"{metric.name} [{metric.unit}]" if metric.unit else metric.name,
        metric.slice,
        f"{metric.value:.4g}",
        "" if metric.baseline is None else f"{metric.baseline:.4g}",
        gain_text(metric),
        str(metric.rows or ""),
    )


def own_options(command: str, app: str, known: Sequence[str], words: Sequence[str]) -> dict[str, str]:
    """Turn `--commodity onion` or `--commodity=onion` into {"commodity": "onion"}. Raises `typer.BadParameter`."""
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        name, mark, value = rest.pop(0).partition("=")
        if not name.startswith("--") or name[2:] not in known:
            allowed = ", ".join(f"--{each}" for each in known) or "none"
            raise typer.BadParameter(f"{name!r} is not an option of {command} or of {app} ({app} has: {allowed})")
        if not mark:
            if not rest:
                raise typer.BadParameter(f"{name} needs a value")
            value = rest.pop(0)
        found[name[2:]] = value
    return found
