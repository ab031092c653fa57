"""`charts/slipway/apps.yaml`: what the chart knows of each app, from `apps/*/values.yaml`."""

from __future__ import annotations

import msgspec
import yaml

from serving.kernel.app_values import load_values
from serving.kernel.find_app import find_apps

__all__ = ["apps_yaml"]

NOTE = "# Written by `python -m control.charts` from apps/*/values.yaml. Do not edit.\n"


def apps_yaml() -> str:
    """The file's text: under `apps`, by name, the fields of `serving.kernel.app_values.Values`."""
    found = {app.name: msgspec.to_builtins(load_values(app.folder)) for app in find_apps()}
    return NOTE + yaml.safe_dump({"apps": found}, sort_keys=False, width=110)
