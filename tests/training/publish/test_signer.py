"""What commands sign while they publish, promote, copy and rebuild."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.signatures import Signatures
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import Aliases
from tests.serving.signing import Pair, pair
from tests.store import Store
from tests.training.conftest import make_servable
from tests.training.publish.test_rebuild_from_mlflow import digests
from training.publish import promotion, repository
from training.publish.rebuild_from_mlflow import rebuild
from training.publish.repository import RepositoryError
from training.publish.repository_copy import copy
from training.publish.signer import SigningError, keep_signature, signer
from training.registry.mlflow_registry import Registry


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """The key of the settings, which is trusted in `trusted`."""
    made = pair(tmp_path / "trusted")
    monkeypatch.setenv("SLIPWAY_SIGNING_KEY", str(made.private(tmp_path / "key.pem")))
    return made


def guarded(root: Path, trusted: Path) -> Repository:
    return Repository(root, Signatures(trusted))


def signed(folder: Path, root: Path, model: Path, registry: Registry | None = None) -> Path:
    """A version that is published as the settings say, and is the champion."""
    servable = make_servable(folder / "made", model)
    if registry is not None:
        run_id = registry.start("toy", "run", {})
        registry.log_folder(run_id, servable, "servable")
        assert registry.register("toy", run_id, {}) == 1
    target = repository.publish(servable, root, "toy", 1)
    if registry is not None:
        keep_signature(registry, root, "toy", 1)
    promotion.promote(registry, root, "toy", 1, "the first version")
    return target


def test_versions_and_aliases_are_signed(tmp_path: Path, toy_model: Path, key: Pair) -> None:
    root = tmp_path / "repo"
    signed(tmp_path, root, toy_model)
    found = guarded(root, tmp_path / "trusted")
    assert found.verify("toy", 1).version == found.aliases("toy").champion == 1
    first = found.aliases("toy").number
    repository.set_aliases(root, "toy", Aliases(champion=1, challenger=1))
    assert found.aliases("toy").number > first
    same = (root / "toy" / "aliases.json").read_bytes()
    repository.set_aliases(root, "toy", Aliases(champion=1, challenger=1))
    assert (root / "toy" / "aliases.json").read_bytes() == same
    (root / "toy" / "aliases.json").write_text("{")
    repository.set_aliases(root, "toy", Aliases(champion=1))
    assert found.aliases("toy").number > first, "also where the last number is lost"


@pytest.mark.parametrize("trusted", [False, True])
def test_aliases_that_somebody_changed_are_not_signed_with_the_next_change(
    tmp_path: Path, toy_model: Path, key: Pair, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    root = tmp_path / "repo"
    signed(tmp_path, root, toy_model)
    repository.publish(make_servable(tmp_path / "second", toy_model, note="second"), root, "toy", 2)
    if trusted:
        monkeypatch.setenv("SLIPWAY_TRUSTED_KEYS", str(tmp_path / "trusted"))
        monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "home"))
    repository.promote(root, "toy", 2, "it is better")
    (root / "toy" / "aliases.json").write_text('{"champion": 1}')
    with pytest.raises(RepositoryError, match="toy/aliases.json: is not signed"):
        repository.promote(root, "toy", 2, "again")
    assert (root / "toy" / "aliases.json").read_text() == '{"champion": 1}'


def test_without_a_key_nothing_is_signed_until_it_is_asked_for(
    tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "repo"
    target = signed(tmp_path, root, toy_model)
    assert signer() is None and not (target / "manifest.sig").exists()
    assert (root / "toy" / "aliases.json").read_bytes() == b'{"champion":1,"challenger":null}\n'
    made = [pair(tmp_path / "trusted", name) for name in ("first", "second")]
    for one in made:
        repository.sign(root, "toy", 1, one.signer)
    made[0].trust(revoked=1.0)
    assert guarded(root, tmp_path / "trusted").verify("toy", 1).version == 1
    monkeypatch.setenv("SLIPWAY_SIGNING_KEY", str(tmp_path / "none.pem"))
    with pytest.raises(SigningError, match=r"SLIPWAY_SIGNING_KEY: .*none\.pem: No such file"):
        signer()


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_copy_has_the_signatures_also_those_that_come_later(
    kind: str, tmp_path: Path, toy_model: Path, store: Store, key: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "repo"
    target = str(tmp_path / "target") if kind == "folder" else f"{store.make('signed')}/live"
    signed(tmp_path, root, toy_model)
    kept = (root / "toy" / "1" / "manifest.sig").read_bytes()
    (root / "toy" / "1" / "manifest.sig").unlink()
    copy(str(root), target)
    monkeypatch.setenv("SLIPWAY_TRUSTED_KEYS", str(tmp_path / "trusted"))
    with pytest.raises(RepositoryError, match="repo/toy/1/manifest.sig: the version is not signed"):
        copy(str(root), target)
    (root / "toy" / "1" / "manifest.sig").write_bytes(kept)
    assert [change.action for change in copy(str(root), target)] == ["kept"]
    monkeypatch.delenv("SLIPWAY_SIGNING_KEY")
    copy(target, str(tmp_path / "back"))
    found = guarded(tmp_path / "back", tmp_path / "trusted")
    assert found.verify("toy", 1).version == found.aliases("toy").champion == 1


def test_a_repository_is_rebuilt_with_the_signatures_it_had(
    tmp_path: Path, toy_model: Path, registry: Registry, key: Pair
) -> None:
    root = tmp_path / "repo"
    signed(tmp_path, root, toy_model, registry)
    shutil.rmtree(root)
    rebuild(registry, root)
    found = guarded(root, tmp_path / "trusted")
    assert found.verify("toy", 1).version == found.aliases("toy").champion == 1


def test_a_version_that_somebody_replaced_is_repaired(
    tmp_path: Path, toy_model: Path, registry: Registry, key: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "repo"
    target = signed(tmp_path, root, toy_model, registry)
    before = digests(target)
    shutil.rmtree(target)
    repository.publish(make_servable(tmp_path / "other", toy_model, note="other"), root, "toy", 1, sign=False)
    monkeypatch.setenv("SLIPWAY_TRUSTED_KEYS", str(tmp_path / "trusted"))
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "home"))
    assert [change.action for change in rebuild(registry, root)] == ["repaired"]
    assert digests(target) == before


def test_what_somebody_changed_in_the_registry_is_not_signed(
    tmp_path: Path, toy_model: Path, registry: Registry, key: Pair
) -> None:
    root = tmp_path / "repo"
    signed(tmp_path, root, toy_model, registry)
    shutil.rmtree(root)
    (run,) = {version.run_id for version in registry.versions("toy")}
    registry.log_folder(run, make_servable(tmp_path / "other", toy_model, note="other"), "servable")
    rebuild(registry, root)
    with pytest.raises(Refused, match="manifest.sig: was not signed with the key release as it is"):
        guarded(root, tmp_path / "trusted").verify("toy", 1)
