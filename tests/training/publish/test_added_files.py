"""What is beside the versions of an added model: kept with its runs, and in step with the champion."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from serving.kernel.storage.model_repository import Repository
from tests.serving.added import write_version
from tests.training.added.models import linear
from training.added.add import add, prepared
from training.added.build import Wanted
from training.progress import Silent
from training.publish import added_files, promotion
from training.publish.rebuild_from_mlflow import rebuild
from training.registry.mlflow_registry import Registry


def added(folder: Path, registry: Registry, width: int) -> None:
    path = linear(folder / f"{width}.onnx", width)
    with prepared(Wanted(name="sum", path=path, source=path.name, triton=False), Silent()) as made:
        add(made, registry, folder / "models", Silent())


def config(root: Path) -> pb.ModelConfig:
    found = pb.ModelConfig()
    text_format.Parse((root / "sum" / "config.pbtxt").read_text(), found)
    return found


def test_the_configuration_is_that_of_the_champion_and_all_is_rebuilt(registry: Registry, tmp_path: Path) -> None:
    root = tmp_path / "models"
    added(tmp_path, registry, 3)
    added(tmp_path, registry, 3)
    assert config(root).version_policy.HasField("all")
    added(tmp_path, registry, 5)
    assert list(config(root).input[0].dims) == [3]
    assert list(config(root).version_policy.specific.versions) == [1, 2], "Triton would refuse all for the third"
    promotion.promote(registry, root, "sum", 3, "wider")
    assert list(config(root).input[0].dims) == [5]
    assert list(config(root).version_policy.specific.versions) == [3]
    again = tmp_path / "again"
    rebuild(registry, again)
    for name in ("config.pbtxt", "README.md", "values.yaml", "aliases.json", "3/manifest.json"):
        assert (again / "sum" / name).read_bytes() == (root / "sum" / name).read_bytes(), name
    (again / "sum" / "values.yaml").write_text("batching: {max_rows: 2}\n")
    rebuild(registry, again)
    assert (again / "sum" / "values.yaml").read_text() == "batching: {max_rows: 2}\n", "settings of yours stay"


def test_a_configuration_of_somebody_else_stays_and_an_app_has_none(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    added_files.write_config(tmp_path, "toy")
    assert Repository(tmp_path).versions("toy") == [] and not (tmp_path / "toy" / "config.pbtxt").exists()
    write_version(tmp_path, 1)
    (tmp_path / "sum" / "config.pbtxt").write_text("name: 'sum'\n")
    added_files.write_config(tmp_path, "sum")
    assert (tmp_path / "sum" / "config.pbtxt").read_text() == "name: 'sum'\n"
