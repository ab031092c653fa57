"""Added models and their versions go from the registry and from the repository; apps and champions stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.kernel.storage.version_manifest import Aliases
from tests.serving import added, toy
from training.publish import added_files, removal, repository
from training.publish.repository import RepositoryError
from training.registry.mlflow_registry import Registry


@pytest.fixture
def models(registry: Registry, tmp_path: Path) -> Path:
    """An added model with three versions: champion 1, challenger 3."""
    root = tmp_path / "models"
    for number, names in ((1, "ab"), (2, "ab"), (3, "abc")):
        added.write_version(tmp_path / str(number), number, [1.0] * len(names), names)
        repository.publish(tmp_path / str(number) / "sum" / str(number), root, "sum", number)
        registry.register("sum", registry.start("sum", "run", {}), {})
    for aliases in (Aliases(champion=1, challenger=3),):
        registry.set_aliases("sum", aliases)
        repository.set_aliases(root, "sum", aliases)
    return root


def numbers(registry: Registry) -> list[int]:
    return [found.version for found in registry.versions("sum")]


def test_a_version_goes_and_its_alias_with_it(registry: Registry, models: Path) -> None:
    run_id = registry.versions("sum")[2].run_id
    added_files.write_config(models, "sum")
    assert "versions: [1, 2]" in (models / "sum" / "config.pbtxt").read_text(), "the third has other inputs"
    assert removal.remove_version(registry, models, "sum", 3) == [3]
    assert repository.versions(models, "sum") == [1, 2] == numbers(registry)
    assert "all {" in (models / "sum" / "config.pbtxt").read_text()
    assert repository.aliases(models, "sum") == registry.aliases("sum") == Aliases(champion=1)
    with registry._client("look") as client:
        assert "slipway.removed" in client.get_run(run_id).data.tags


def test_the_champion_stays_until_another_one_is(registry: Registry, models: Path) -> None:
    with pytest.raises(
        RepositoryError, match=r"sum version 1 is the champion.*`slipway promote sum 3`.*`slipway remove sum`"
    ):
        removal.remove_version(registry, models, "sum", 1)
    repository.promote(models, "sum", 2, "better")
    registry.set_aliases("sum", Aliases(champion=2, challenger=3))
    assert removal.remove_version(registry, models, "sum", 1) == [1]
    assert numbers(registry) == [2, 3]


def test_the_last_version_takes_the_model_with_it(registry: Registry, models: Path) -> None:
    for number in (2, 3, 1):
        removal.remove_version(registry, models, "sum", number)
    assert list(models.iterdir()) == []
    assert registry.apps() == []


def test_a_whole_model_goes(registry: Registry, models: Path) -> None:
    assert removal.remove_model(registry, models, "sum") == [1, 2, 3]
    assert list(models.iterdir()) == []
    assert registry.apps() == []
    with pytest.raises(RepositoryError, match="there is no added model 'sum'.*there are: none"):
        removal.remove_model(registry, models, "sum")


def test_a_damaged_model_can_be_removed(registry: Registry, models: Path) -> None:
    (models / "sum" / "2" / "manifest.json").write_text("{")
    assert removal.remove_model(registry, models, "sum") == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("price", None, "price is an app"),
        ("toy", None, "toy in .* was not added from a file"),
        ("sum", 9, "sum has no version 9; it has 1, 2, 3"),
        ("other", None, "there is no added model 'other' in .*; there are: sum"),
        ("../models/sum", None, "there is no added model"),
        (".", None, "there is no added model"),
    ],
)
def test_what_cannot_be_removed_is_explained(models: Path, name: str, version: int | None, said: str) -> None:
    toy.write_version(models, 1)
    with pytest.raises(RepositoryError, match=said):
        removal.check_removable(models, name, version)
    assert sorted(path.name for path in models.iterdir()) == ["sum", "toy"]
