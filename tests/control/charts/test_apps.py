from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from control.charts.apps import apps_yaml
from serving.kernel.app_values import Values, load_values
from serving.kernel.find_app import find_apps


def test_the_file_of_the_chart_is_current(root: Path) -> None:
    found = (root / "charts" / "slipway" / "apps.yaml").read_text()
    assert found == apps_yaml(), "out of date: run `python -m control.charts`"


def test_every_app_is_there_with_its_values() -> None:
    found = yaml.safe_load(apps_yaml())["apps"]
    assert {name: msgspec.convert(values, Values, strict=False) for name, values in found.items()} == {
        app.name: load_values(app.folder) for app in find_apps()
    }
