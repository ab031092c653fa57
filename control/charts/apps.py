"""What the chart knows of each app and added model, from their `values.yaml`.

Apps are in `charts/slipway/apps.yaml`; added models are in the values of an installation, as `addedModels`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from serving.kernel.added.find import AddedModels
from serving.kernel.app_values import Values, load_values
from serving.kernel.find_app import app_folders, find_apps
from serving.kernel.storage.model_repository import Repository

__all__ = ["added_yaml", "apps_yaml"]

NOTE = "# Written by `python -m control.charts` from apps/*/values.yaml. Do not edit.\n"


def apps_yaml() -> str:
    """The file's text: under `apps`, by name, the fields of `serving.kernel.app_values.Values`, and `defaults`."""
    found = {app.name: msgspec.to_builtins(load_values(app.folder)) for app in find_apps()}
    document = {"apps": found, "defaults": msgspec.to_builtins(Values())}
    return NOTE + yaml.safe_dump(document, sort_keys=False, width=110)


def added_yaml(repository: Path) -> str:
    """`addedModels` for the chart's values: what `values.yaml` of each added model says, without the defaults.

    Raises `ValueError` for a file that is wrong.
    """
    models = AddedModels(Repository(repository), app_folders())
    apps = [app for app in map(models.app, models.names()) if app is not None]
    plain = msgspec.to_builtins(Values())
    found = {app.name: _differing(msgspec.to_builtins(load_values(app.folder)), plain) for app in apps}
    return yaml.safe_dump({"addedModels": found}, width=110)


def _differing(values: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    """The fields that differ from those of `plain`."""
    inner = {
        name: _differing(value, plain[name]) if isinstance(value, dict) else value
        for name, value in values.items()
        if value != plain[name]
    }
    return inner
