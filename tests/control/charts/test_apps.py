from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from control.charts.apps import added_yaml, apps_yaml
from serving.kernel.app_values import Values, load_values
from serving.kernel.find_app import find_apps
from tests.serving.added import write_version


def test_the_file_of_the_chart_is_current(root: Path) -> None:
    found = (root / "charts" / "slipway" / "apps.yaml").read_text()
    assert found == apps_yaml(), "out of date: run `python -m control.charts`"


def test_every_app_is_there_with_its_values() -> None:
    found = yaml.safe_load(apps_yaml())["apps"]
    assert {name: msgspec.convert(values, Values, strict=False) for name, values in found.items()} == {
        app.name: load_values(app.folder) for app in find_apps()
    }


def test_added_models_have_what_differs_from_the_defaults(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    (tmp_path / "price").mkdir()
    (tmp_path / "sum" / "values.yaml").write_text("replicas: {max: 3}\nslo: {p99_ms: 20}\nbatching: {}\n")
    assert yaml.safe_load(added_yaml(tmp_path)) == {
        "addedModels": {"sum": {"replicas": {"max": 3}, "slo": {"p99_ms": 20.0}}}
    }
    assert yaml.safe_load(added_yaml(tmp_path / "nothing")) == {"addedModels": {}}
