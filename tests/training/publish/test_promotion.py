from __future__ import annotations

from pathlib import Path

import pytest

from serving.kernel.storage.version_manifest import Aliases
from tests.training.conftest import make_servable
from training.publish import promotion, repository
from training.publish.repository import RepositoryError
from training.registry.mlflow_registry import Registry


def publish(registry: Registry, folder: Path, model: Path, synthetic: bool) -> int:
    count = len(registry.versions("toy"))
    servable = make_servable(folder / f"s{count}", model, note=str(count), synthetic=synthetic)
    run_id = registry.start("toy", "run", {})
    version = registry.register("toy", run_id, {})
    repository.publish(servable, folder / "repo", "toy", version)
    return version


def publish_and_assign(
    registry: Registry, folder: Path, model: Path, synthetic: bool, forced: bool = False
) -> Aliases:
    version = publish(registry, folder, model, synthetic)
    after = promotion.assign_alias(registry, folder / "repo", "toy", version, synthetic, forced)
    assert after == repository.aliases(folder / "repo", "toy") == registry.aliases("toy")
    return after


def test_the_aliases_after_each_version(registry: Registry, tmp_path: Path, toy_model: Path) -> None:
    steps = [
        ((True, False), Aliases(champion=1)),
        ((True, False), Aliases(champion=1, challenger=2)),
        ((False, False), Aliases(champion=3, challenger=2)),
        ((True, False), Aliases(champion=3, challenger=2)),
        ((False, False), Aliases(champion=3, challenger=5)),
        ((False, True), Aliases(champion=6, challenger=5)),
    ]
    for (synthetic, forced), wanted in steps:
        assert publish_and_assign(registry, tmp_path, toy_model, synthetic, forced) == wanted
    reasons = [(record["to"], record["why"]) for record in repository.promotions(tmp_path / "repo", "toy")]
    assert reasons == [
        (1, "the first version"),
        (3, "real data replaces generated data"),
        (6, "the training asked for promotion"),
    ]


def test_a_promotion_without_the_registry_changes_the_repository_only(
    registry: Registry, tmp_path: Path, toy_model: Path
) -> None:
    publish_and_assign(registry, tmp_path, toy_model, False)
    publish_and_assign(registry, tmp_path, toy_model, False)
    promotion.promote(None, tmp_path / "repo", "toy", 2, "the registry is down")
    assert repository.aliases(tmp_path / "repo", "toy") == Aliases(champion=2)
    assert registry.aliases("toy") == Aliases(champion=1, challenger=2)


def test_an_unknown_version_changes_nothing(registry: Registry, tmp_path: Path, toy_model: Path) -> None:
    publish_and_assign(registry, tmp_path, toy_model, False)
    with pytest.raises(RepositoryError, match="version 9 is not"):
        promotion.promote(registry, tmp_path / "repo", "toy", 9, "why not")
    assert registry.aliases("toy") == Aliases(champion=1)
