from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from apps.price.app import app
from control.errors import StackError
from control.settings import StackSettings
from control.stack.bootstrap import missing_apps, train_missing
from tests.control.stack.test_state import make
from tests.serving import toy


def write_version(repository: Path, version: int, feature_names: tuple[str, ...] = app.feature_names) -> None:
    """A version folder with nothing but a manifest, and the context of another app in it."""
    folder = repository / app.name / str(version)
    folder.mkdir(parents=True)
    toy.write_manifest(folder, version, of=replace(app, feature_names=feature_names))


def test_an_app_without_a_version_is_missing(settings: StackSettings) -> None:
    assert "price" in missing_apps(settings)
    write_version(settings.model_repository, 1)
    assert "price" not in missing_apps(settings)


def test_a_version_for_other_features_or_a_broken_one_does_not_count(settings: StackSettings) -> None:
    write_version(settings.model_repository, 1, ("another",))
    (settings.model_repository / "price" / "2").mkdir()
    assert "price" in missing_apps(settings)


def test_only_served_apps_count(settings: StackSettings) -> None:
    write_version(settings.model_repository, 3)
    assert missing_apps(replace(settings, apps=("price",))) == ()


def test_an_app_of_another_package_goes_by_its_name(settings: StackSettings) -> None:
    served = replace(settings, apps=("apps.price",))
    assert missing_apps(served) == ("price",)
    write_version(settings.model_repository, 1)
    assert missing_apps(served) == ()


def test_without_a_registry_nothing_can_be_trained(settings: StackSettings, place: Path) -> None:
    with pytest.raises(StackError, match="no version to serve for: price"):
        train_missing(replace(settings, apps=("price",)), make(place / "h", ("ray", "gateway")))
