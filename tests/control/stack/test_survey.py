from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import apps
from apps.price.app import app
from control.errors import CommandError, StackError
from control.settings import StackSettings
from control.stack.survey import survey
from tests.serving import added, toy


def write_version(repository: Path, version: int, feature_names: tuple[str, ...] = app.feature_names) -> None:
    """A version folder with nothing but a manifest, and the context of another app in it."""
    folder = repository / app.name / str(version)
    folder.mkdir(parents=True)
    toy.write_manifest(folder, version, of=replace(app, feature_names=feature_names))


def write_broken_app(folder: Path) -> str:
    """Write an app that raises when it is imported, to be found on the Python path; returns its package."""
    package = folder / "acme" / "broken"
    package.mkdir(parents=True)
    (package / "app.py").write_text("raise RuntimeError('half an edit')\n")
    return "acme.broken"


def test_an_app_without_a_version_is_missing(settings: StackSettings) -> None:
    before = survey(settings)
    assert before.missing[0] == "price", "the README asks it first"
    assert list(before.missing[1:]) == sorted(before.missing[1:])
    assert "price" in before.missing and "price" not in before.ready
    write_version(settings.model_repository, 1)
    after = survey(settings)
    assert "price" not in after.missing and after.ready == ("price",)
    assert set(after.names) == {"price", *after.missing}


def test_a_version_for_other_features_or_a_broken_one_does_not_count(settings: StackSettings) -> None:
    write_version(settings.model_repository, 1, ("another",))
    (settings.model_repository / "price" / "2").mkdir()
    assert "price" in survey(settings).missing


def test_only_served_apps_count(settings: StackSettings) -> None:
    write_version(settings.model_repository, 3)
    assert survey(replace(settings, apps=("price",))).missing == ()


def test_an_app_of_another_package_goes_by_its_name(settings: StackSettings) -> None:
    served = replace(settings, apps=("apps.price",))
    assert survey(served).missing == ("price",)
    write_version(settings.model_repository, 1)
    assert survey(served).missing == ()
    assert survey(served).names == ("apps.price",)


def test_apps_that_are_listed_keep_their_order(settings: StackSettings) -> None:
    assert survey(replace(settings, apps=("vendor", "price"))).missing == ("vendor", "price")


def test_a_name_that_is_no_app(settings: StackSettings) -> None:
    with pytest.raises(CommandError, match="SLIPWAY_APPS: there is no app 'prise'; there are: .*price"):
        survey(replace(settings, apps=("price", "prise")))


def test_an_app_that_cannot_be_imported_is_named_and_left_out(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write_broken_app(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    found = survey(replace(settings, apps=("price", name)))
    assert (found.names, found.missing) == (("price",), ("price",))
    assert found.broken == ("acme.broken cannot be imported: RuntimeError: half an edit",)
    with pytest.raises(StackError, match="no app can be served\n.*half an edit"):
        survey(replace(settings, apps=(name,)))


def test_added_models_have_their_versions_and_stay_served_beside_a_broken_app(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added.write_version(settings.model_repository, 1)
    monkeypatch.setenv("SLIPWAY_MODEL_REPOSITORY", str(settings.model_repository))
    found = survey(replace(settings, apps=(added.NAME,)))
    assert (found.names, found.ready, found.missing) == ((added.NAME,), (added.NAME,), ())
    assert added.NAME not in survey(settings).names, "without SLIPWAY_APPS, all are served"
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "__init__.py").touch()
    (tmp_path / "broken" / "app.py").write_text("raise RuntimeError('half an edit')\n")
    monkeypatch.setattr(apps, "__path__", [*apps.__path__, str(tmp_path)])
    found = survey(settings)
    assert len(found.broken) == 1 and added.NAME in found.names
