from __future__ import annotations

from pathlib import Path

import pytest

from apps.price.train.recipe import PriceRecipe
from control.settings import StackSettings
from control.trainings.run import bucket_copy, train_on_stack
from tests.serving.toy import write_aliases, write_version
from tests.store import Store
from training.data.storage import Location
from training.errors import DataError, TuneError
from training.publish.repository import aliases, versions
from training.run import TrainRequest


def test_a_bucket_is_asked_first_and_told_in_the_end(store: Store, tmp_path: Path) -> None:
    """Around a training: what the bucket has is here, and what was made here is in the bucket."""
    url = f"{store.make('models')}/live"
    here, there = tmp_path / "here", tmp_path / "there"
    with bucket_copy(StackSettings(model_repository=here, repository_url=url), "toy"):
        write_version(here, 1)
        write_aliases(here, 1)
    with bucket_copy(StackSettings(model_repository=there, repository_url=url), "toy"):
        assert versions(there, "toy") == [1] and aliases(there, "toy").champion == 1
        write_version(there, 2)
    assert sorted(name for name in Location.of(url).files() if "manifest" in name) == [
        "toy/1/manifest.json",
        "toy/2/manifest.json",
    ]


def test_a_training_that_fails_sends_nothing(store: Store, tmp_path: Path) -> None:
    url = store.make("models")
    settings = StackSettings(model_repository=tmp_path, repository_url=url)
    with pytest.raises(ZeroDivisionError), bucket_copy(settings, "toy"):
        write_version(tmp_path, 1)
        raise ZeroDivisionError
    assert Location.of(url).files() == {}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone.csv", None, "there is no such file"),
        ("empty.csv", "", "the file is empty"),
        ("other.csv", "a,b\n1,2\n", "match no known layout"),
        ("short.csv", "market,date,price,commodity\na,2020-01-01,5,onion\n", "spans 0 days"),
        ("cell.csv", "market,date,price,commodity\na,2020-01-01,much,onion\n", "found 'much'"),
    ],
)
def test_a_wrong_file_starts_nothing(
    settings: StackSettings, tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    request = TrainRequest(
        app="price", paths=(tmp_path / name,), repository=settings.model_repository, home=settings.home
    )
    with pytest.raises(DataError, match=said):
        train_on_stack(settings, request)
    assert not settings.home.exists(), "a stack keeps its state, logs and database there"


def test_a_search_without_parameters_starts_nothing(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PriceRecipe, "space", staticmethod(dict))
    with pytest.raises(TuneError, match="price has nothing to tune"):
        train_on_stack(settings, TrainRequest(app="price", tune=3, home=settings.home))
    assert not settings.home.exists()
