"""Which backend is opened; that all answer alike is shown in tests/contract."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest

from serving.kernel.errors import Unavailable
from serving.kernel.find_app import find_app
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused, digest_folder
from serving.kernel.tensors import Arrays
from serving.models.backends.factory import Backends, kind_of
from serving.models.batching.batch_kinds import TensorBatches
from serving.observe.metrics import Metrics
from tests.serving import added, toy
from tests.serving.models.mirror.app import app as mirror
from tests.serving.models.models import call

WORK = TensorBatches(toy.app.inputs, toy.app.outputs)


@pytest.fixture(autouse=True)
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "values.yaml").write_text("batching: {max_rows: 4}")
    monkeypatch.setattr(type(toy.app), "folder", tmp_path / "app")


def ask(settings: Settings) -> Arrays:
    toy.write_version(settings.model_repository, 1, (2.0, 3.0))
    repository = Repository(settings.model_repository)

    async def main() -> Arrays:
        metrics = Metrics()
        backends = Backends(settings, repository, metrics, {})
        backend = await backends.open(toy.app, repository.manifest("toy", 1))
        try:
            answer: Arrays = await backend.submit(WORK, {"features": np.ones((9, 2), np.float32)}, call())
            return answer
        finally:
            await backend.close()
            await backends.close()
            assert not metrics._versions

    return asyncio.run(main())


def test_fused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", model_repository=tmp_path / "models")
    assert ask(settings)["total"].ravel().tolist() == [5.0] * 9


def test_triton(tmp_path: Path, unused_port: int) -> None:
    settings = Settings(
        home=tmp_path / "home",
        model_repository=tmp_path / "models",
        backend="triton",
        triton_url=f"127.0.0.1:{unused_port}",
        triton_shared_memory=True,
    )
    with pytest.raises(Unavailable):
        ask(settings)


def test_what_only_triton_can_run_goes_there_whatever_the_setting(tmp_path: Path, unused_port: int) -> None:
    root = tmp_path / "models"
    url = f"127.0.0.1:{unused_port}"
    settings = Settings(home=tmp_path, model_repository=root, backend="fused", triton_url=url)
    repository = Repository(root)
    folder = toy.write_version(root, 1)
    (folder / "config.pbtxt").write_text("")
    manifest = repository.manifest("toy", 1)
    manifest = msgspec.structs.replace(manifest, files=digest_folder(folder))

    async def main() -> None:
        backends = Backends(settings, repository, Metrics(), {})
        backend = await backends.open(toy.app, manifest)
        try:
            await backend.submit(WORK, {"features": np.ones((1, 2), np.float32)}, call())
        finally:
            await backend.close()
            await backends.close()

    with pytest.raises(Unavailable, match="the model server cannot be reached"):
        asyncio.run(main())


def test_the_setting_wins_over_the_apps_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert kind_of(mirror, Settings()) == "replica"
    assert kind_of(mirror, Settings(backend="fused")) == "fused"


def test_a_model_without_replicas_is_refused_with_what_to_do(tmp_path: Path) -> None:
    added.write_version(tmp_path, 1)
    repository = Repository(tmp_path)
    metrics = Metrics()
    backends = Backends(Settings(backend="replica"), repository, metrics, {})
    app = find_app(added.NAME, tmp_path)
    with pytest.raises(Refused, match="sum runs as `replica`.* restart it, or write `backend: fused`"):
        asyncio.run(backends.open(app, repository.manifest(added.NAME, 1)))
    assert not metrics._versions, "it is tried again and again"
