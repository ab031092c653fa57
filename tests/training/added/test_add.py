"""From a file to a registered, published version, with a real MLflow store."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from serving.kernel.added.find import find_added
from serving.kernel.storage.model_repository import Repository
from tests.serving import toy
from tests.training.added.models import linear
from training.added.add import Added, add, check_name, prepared
from training.added.build import Wanted
from training.added.errors import AddError
from training.errors import RegistryError
from training.progress import Silent
from training.registry.mlflow_registry import Registry


def added(path: Path, registry: Registry, root: Path, promote: bool = False) -> Added:
    wanted = Wanted(name="sum", path=path, source=path.name, triton=False)
    with prepared(wanted, Silent()) as made:
        return add(made, registry, root, Silent(), promote)


def test_versions_are_registered_and_published_and_settings_stay(tmp_path: Path) -> None:
    registry, root = Registry(f"sqlite:///{tmp_path}/mlflow.db"), tmp_path / "models"
    first = added(linear(tmp_path / "m.onnx"), registry, root)
    assert (first.manifest.version, first.aliases.champion) == (1, 1)
    manifest = Repository(root).verify("sum", 1)
    assert manifest.added and manifest.source == "m.onnx"
    (version,) = registry.versions("sum")
    assert (version.run_id, version.tags["slipway.gate"]) == (manifest.run_id, "not judged")
    (root / "sum" / "values.yaml").write_text("batching: {max_rows: 2}\n")
    second = added(linear(tmp_path / "wide.onnx", 5), registry, root)
    assert (second.manifest.version, second.aliases.champion, second.aliases.challenger) == (2, 1, 2)
    assert (root / "sum" / "values.yaml").read_text() == "batching: {max_rows: 2}\n"
    app = find_added(root, "sum")
    assert app is not None and app.inputs[0].shape == (-1, 3), "the champion's"
    third = added(linear(tmp_path / "m.onnx"), registry, root, promote=True)
    assert third.aliases.champion == 3
    assert "not judged" in (root / "sum" / "README.md").read_text()


def test_without_a_registry_nothing_is_published(tmp_path: Path) -> None:
    with pytest.raises(RegistryError):
        added(linear(tmp_path / "m.onnx"), Registry("sqlite:////proc/nosuch/mlflow.db"), tmp_path / "models")
    assert not (tmp_path / "models" / "sum").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "must be 1 to 63"),
        ("A", "must be 1 to 63"),
        ("1st", "start with a letter"),
        ("a" * 64, "must be 1 to 63"),
        ("a/b", "must be 1 to 63"),
        ("price", "price is an app"),
        ("toy", "was not added from a file"),
    ],
)
def test_a_name_that_is_taken_or_no_name_is_refused(tmp_path: Path, name: str, said: str) -> None:
    toy.write_version(tmp_path, 1)
    with pytest.raises(AddError, match=said):
        check_name(name, tmp_path)


def test_names_are_free_until_then(tmp_path: Path) -> None:
    check_name("a-b_c1", tmp_path)
    assert msgspec.json.encode(Repository(tmp_path).models()) == b"[]"
