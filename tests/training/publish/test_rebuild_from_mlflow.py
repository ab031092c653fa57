from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from serving.kernel.storage.version_manifest import Aliases
from tests.training.conftest import make_servable
from training.publish import promotion, repository
from training.publish.rebuild_from_mlflow import rebuild
from training.publish.repository import Change
from training.registry.mlflow_registry import Registry


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (".lock", "promotions.jsonl")
    }


def fill(registry: Registry, folder: Path, model: Path, repo: Path, count: int = 3) -> None:
    for number in range(count):
        servable = make_servable(folder / f"s{number}", model, note=str(number), synthetic=False)
        run_id = registry.start("toy", "run", {})
        registry.log_folder(run_id, servable, "servable")
        version = registry.register("toy", run_id, {})
        repository.publish(servable, repo, "toy", version)
        promotion.assign_alias(registry, repo, "toy", version, synthetic=False)


def test_the_repository_is_rebuilt_byte_for_byte(registry: Registry, tmp_path: Path, toy_model: Path) -> None:
    repo = tmp_path / "repo"
    fill(registry, tmp_path, toy_model, repo)
    before = digests(repo)
    shutil.rmtree(repo)
    assert rebuild(registry, repo) == [Change("toy", number, "written") for number in (1, 2, 3)]
    assert digests(repo) == before
    assert repository.aliases(repo, "toy") == Aliases(champion=1, challenger=3)
    assert {change.action for change in rebuild(registry, repo)} == {"kept"}


def test_a_damaged_version_is_repaired(registry: Registry, tmp_path: Path, toy_model: Path) -> None:
    repo = tmp_path / "repo"
    fill(registry, tmp_path, toy_model, repo)
    before = digests(repo)
    (repo / "toy" / "2" / "model.onnx").write_bytes(b"rot")
    (repo / "toy" / "3" / "golden.jsonl").unlink()
    assert [change.action for change in rebuild(registry, repo)] == ["kept", "repaired", "repaired"]
    assert digests(repo) == before


def test_versions_the_registry_does_not_know_stay_unless_pruned(
    registry: Registry, tmp_path: Path, toy_model: Path
) -> None:
    repo = tmp_path / "repo"
    fill(registry, tmp_path, toy_model, repo, 1)
    repository.publish(make_servable(tmp_path / "own", toy_model, note="own"), repo, "toy", 8)
    assert rebuild(registry, repo)[-1] == Change("toy", 8, "unknown")
    assert repository.versions(repo, "toy") == [1, 8]
    assert rebuild(registry, repo, ["toy"], prune=True)[-1] == Change("toy", 8, "removed")
    assert repository.versions(repo, "toy") == [1]
