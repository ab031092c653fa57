from __future__ import annotations

from pathlib import Path

import pytest

import serving.apps
from training import recipes
from training.recipes import RecipeError

SOURCE = "from tests.training.toy import recipe\n"


@pytest.fixture
def apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of further apps."""
    for name, source in {"apple": SOURCE, "bare": None, "pear": "recipe = 'no'\n"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        if source is not None:
            (tmp_path / name / "recipe.py").write_text(source)
    monkeypatch.setattr(serving.apps, "__path__", [*serving.apps.__path__, str(tmp_path)])
    return tmp_path


def test_an_app_with_a_recipe_is_found(apps: Path) -> None:
    assert recipes.find("apple").app.name == "toy"
    assert {"apple", "pear"} <= set(recipes.names())
    assert "bare" not in recipes.names()


@pytest.mark.parametrize("name", ["bare", "nothing", "../x", ""])
def test_an_app_without_one_is_answered_with_those_there_are(apps: Path, name: str) -> None:
    with pytest.raises(RecipeError, match="there are: .*apple"):
        recipes.find(name)


def test_a_recipe_of_the_wrong_kind_is_named(apps: Path) -> None:
    with pytest.raises(RecipeError, match=r"serving/apps/pear/recipe\.py: expected `recipe`"):
        recipes.find("pear")
