from __future__ import annotations

from pathlib import Path

import pytest

from control.settings import StackSettings
from control.trainings.bucket import bucket_copy
from tests.serving.toy import write_aliases, write_version
from tests.store import Store
from training.data.storage import Location
from training.publish.repository import aliases, versions


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
