from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from serving.kernel.find_app import find_apps
from tests.serving import toy
from tests.serving.lotter.app import app as lotter


def test_the_folder_is_where_the_package_is() -> None:
    root = Path(__file__).resolve().parents[3]
    assert replace(toy.app, name="price").folder == root / "apps" / "price"
    assert lotter.folder == root / "tests" / "serving" / "lotter"
    for app in find_apps():
        assert (app.folder / "app.py").is_file(), app.name


def test_an_app_needs_no_more_than_a_model_and_says_so() -> None:
    optional = (toy.app.explainer, toy.app.explanation, toy.app.source, toy.app.collection, toy.app.fallback)
    assert optional == (None,) * 5
    assert toy.app.tolerance == 1e-4


def test_an_app_does_not_change_while_it_serves() -> None:
    with pytest.raises(FrozenInstanceError):
        toy.app.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("app", find_apps(), ids=lambda app: app.name)
def test_the_example_of_an_app_is_one_of_its_questions(app: object) -> None:
    assert isinstance(app.example, app.question)  # type: ignore[attr-defined]
    assert app.summary.endswith(".")  # type: ignore[attr-defined]
    assert all(spec.shape[0] == -1 for spec in (*app.inputs, *app.outputs))  # type: ignore[attr-defined]
