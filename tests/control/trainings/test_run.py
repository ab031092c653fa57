from __future__ import annotations

from pathlib import Path

import pytest

from apps.price.train.recipe import PriceRecipe
from control.settings import StackSettings
from control.trainings.run import train_on_stack
from training.errors import DataError, TuneError
from training.run import TrainRequest


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
