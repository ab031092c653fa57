from __future__ import annotations

from pathlib import Path

import pytest

import apps
from tests.serving.added import write_version
from training import find_recipe
from training.find_recipe import RecipeError

SOURCE = "from tests.training.toy import recipe\n"


def write(folder: Path, name: str, source: str | None) -> None:
    """An app's package, with a recipe where there is a source."""
    train = folder / name / "train"
    train.mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    if source is not None:
        (train / "__init__.py").touch()
        (train / "recipe.py").write_text(source)


@pytest.fixture
def more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of further apps."""
    for name, source in {"apple": SOURCE, "bare": None, "pear": "recipe = 'no'\n"}.items():
        write(tmp_path, name, source)
    monkeypatch.setattr(apps, "__path__", [*apps.__path__, str(tmp_path)])
    return tmp_path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app outside the repository."""
    write(tmp_path / "acme_recipes", "rainfall", SOURCE)
    (tmp_path / "acme_recipes" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)


def test_an_app_with_a_recipe_is_found(more: Path) -> None:
    assert find_recipe.find("apple").app.name == "toy"
    assert {"apple", "pear"} <= set(find_recipe.names())
    assert "bare" not in find_recipe.names()


@pytest.mark.parametrize("name", ["bare", "nothing", "../x", "", ".", "no.such.package", "acme_recipes.none"])
def test_an_app_without_one_is_answered_with_those_there_are(more: Path, name: str) -> None:
    with pytest.raises(RecipeError, match="available: .*apple"):
        find_recipe.find(name)


def test_a_recipe_of_the_wrong_kind_is_named(more: Path) -> None:
    with pytest.raises(RecipeError, match=r"apps/pear/train/recipe\.py: expected `recipe`"):
        find_recipe.find("pear")


def test_an_app_outside_the_repository_is_found_by_its_package(elsewhere: None) -> None:
    assert find_recipe.find("acme_recipes.rainfall").app.name == "toy"
    assert "rainfall" not in find_recipe.names()


def test_an_app_that_a_setting_names_is_found_by_its_name(
    elsewhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_APPS", "price,acme_recipes.rainfall")
    assert find_recipe.find("rainfall").app.name == "toy"
    assert {"price", "rainfall"} <= set(find_recipe.names())


def test_an_added_model_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_version(tmp_path, 1)
    monkeypatch.setenv("SLIPWAY_MODEL_REPOSITORY", str(tmp_path))
    with pytest.raises(RecipeError, match="sum was added from a file.* `slipway add` makes its next version"):
        find_recipe.find("sum")
