from __future__ import annotations

from pathlib import Path

import pytest

from serving.kernel.find_app import app_folders, find_app, find_apps, listed_packages
from serving.kernel.settings import variable

SOURCE = """
from dataclasses import replace
from tests.serving import toy
app = replace(toy.app, name="rainfall", package="{package}")
"""


def test_apps_are_found_by_their_folders() -> None:
    assert "price" in [app.name for app in find_apps()]
    assert find_app("price").name == "price"
    with pytest.raises(LookupError, match="there is no app 'nope'; there are:"):
        find_app("nope")


def test_all_apps_are_found_without_names_and_in_order() -> None:
    root = Path(__file__).resolve().parents[3] / "apps"
    assert app_folders() == tuple(sorted(path.parent.name for path in root.glob("*/app.py")))
    assert [app.name for app in find_apps()] == list(app_folders())
    assert [app.name for app in find_apps(["vendor", "price"])] == ["vendor", "price"]


def test_an_app_elsewhere_is_found_by_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "acme_apps" / "rainfall"
    package.mkdir(parents=True)
    (package / "app.py").write_text(SOURCE.format(package="acme_apps"))
    monkeypatch.syspath_prepend(tmp_path)
    found = find_app("acme_apps.rainfall")
    assert (found.name, found.folder) == ("rainfall", package)
    with pytest.raises(LookupError, match=r"no module acme_apps\.snowfall\.app on the Python path"):
        find_app("acme_apps.snowfall")


def test_an_app_elsewhere_needs_none_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lone_apps" / "rainfall"
    package.mkdir(parents=True)
    (package / "app.py").write_text(SOURCE.format(package="lone_apps"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("serving.kernel.find_app.PACKAGE", "no_such_apps")
    assert (app_folders(), find_app("lone_apps.rainfall").name) == ((), "rainfall")


def test_a_module_that_an_app_lacks_is_named_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "other_apps" / "broken"
    package.mkdir(parents=True)
    (package / "app.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        find_app("other_apps.broken")


def test_an_app_that_the_setting_lists_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "listed_apps" / "rainfall"
    package.mkdir(parents=True)
    (package / "app.py").write_text(SOURCE.format(package="listed_apps"))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LookupError, match="there is no app 'rainfall'"):
        find_app("rainfall")
    monkeypatch.setenv(variable("apps"), "price,listed_apps.rainfall")
    assert listed_packages() == {"rainfall": "listed_apps.rainfall"}
    assert find_app("rainfall").qualified_name == "listed_apps.rainfall"
    assert find_app("price").qualified_name == "apps.price"
