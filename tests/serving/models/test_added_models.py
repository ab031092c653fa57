"""Models that were added from a file come and go while a gateway serves, through every door."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.hosting.listener import Listener
from serving.kernel.added.app import added_app
from serving.kernel.added.find import AddedModels
from serving.kernel.app_values import Batching, batching_of
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.signatures import Signatures
from serving.kernel.storage.version_files import encode_aliases
from serving.kernel.storage.version_manifest import Aliases
from serving.models.backends.factory import Backends
from serving.models.backends.onnx_local import open_fused
from serving.models.catalog import Catalog
from serving.models.dataplane import DataPlane
from serving.observe.metrics import Metrics
from serving.observe.versions import VersionEvents
from tests.serving import added, toy
from tests.serving.signing import pair, sign_version

PREDICT = f"/v1/models/{added.NAME}:predict"


@dataclass
class Gateway:
    """A gateway that looks at its repository when it is told to."""

    root: Path
    catalog: Catalog
    doors: Listener

    def look(self) -> None:
        asyncio.run_coroutine_threadsafe(self.catalog.refresh(), self.doors.loop).result(30)

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.doors.ports.http, timeout=30)
        try:
            connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def totals(self, *rows: Any, version: int | None = None) -> list[float]:
        at = f"/versions/{version}" if version else ""
        status, found = self.ask(f"/v1/models/{added.NAME}{at}:predict", {"instances": rows})
        assert status == 200, found
        return [one["total"] for one in found["predictions"]]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with opened(tmp_path) as made:
        yield made


@contextmanager
def opened(folder: Path, signatures: Signatures | None = None) -> Iterator[Gateway]:
    root = folder / "models"
    toy.write_version(root, 1)
    metrics, repository = Metrics(), Repository(root, signatures)
    settings = Settings(home=folder, model_repository=root, http_port=0, grpc_port=0, backend="fused")
    backends = Backends(settings, repository, metrics, {})

    async def open_backend(app: Any, manifest: Any) -> Any:
        """The toy app has no folder with values."""
        if app.home is not None:
            return await backends.open(app, manifest)
        return open_fused(root / "toy" / str(manifest.version) / "model.onnx", app.inputs, Batching())

    added_models = AddedModels(repository, {"toy"})
    catalog = Catalog([toy.app], repository, open_backend, VersionEvents(metrics), added=added_models)
    plane = DataPlane(settings, catalog)
    doors = Listener(
        HttpApplication(plane), GrpcDoor(plane), settings, on_start=catalog.refresh, on_stop=catalog.close
    )
    doors.start()
    try:
        yield Gateway(root, catalog, doors)
    finally:
        doors.stop(2.0)


def test_a_model_comes_changes_its_columns_and_goes(gateway: Gateway) -> None:
    assert gateway.ask(PREDICT, {"instances": [[1, 2]]})[0] == 404
    added.write_version(gateway.root, 1)
    gateway.look()
    assert gateway.totals([1, 2], {"a": 3, "b": 4}) == [3, 7]
    added.write_version(gateway.root, 2, weights=(10, 1), names="pq")
    gateway.look()
    assert gateway.totals({"p": 1, "q": 2}) == [12], "without aliases, the newest answers"
    assert gateway.totals({"a": 1, "b": 2}, version=1) == [3], "a pinned version has its own columns"
    status, problem = gateway.ask(PREDICT, {"instances": [{"a": 1, "b": 2}]})
    assert (status, problem["detail"]) == (422, "$.instances[0].a: not a known field; allowed: p, q")
    (gateway.root / added.NAME / "aliases.json").write_bytes(encode_aliases(Aliases(champion=1)))
    gateway.look()
    assert gateway.totals({"a": 1, "b": 2}) == [3]
    for version in "12":
        shutil.rmtree(gateway.root / added.NAME / version)
    gateway.look()
    assert gateway.ask(PREDICT, {"instances": [[1, 2]]})[0] == 404, "a folder without versions is no model"
    added.write_version(gateway.root, 1)
    gateway.look()
    assert gateway.totals([1, 2]) == [3]
    shutil.rmtree(gateway.root / added.NAME)
    gateway.look()
    assert gateway.ask(PREDICT, {"instances": [[1, 2]]})[0] == 404
    assert gateway.ask("/v1/models")[1] == {"models": ["toy"]}
    assert gateway.ask("/v2/health/ready")[0] == 200


def test_a_model_that_is_another_one_now_is_loaded_again(gateway: Gateway) -> None:
    """It was removed and added again between two looks; its first version has the number 1 again."""
    added.write_version(gateway.root, 1)
    gateway.look()
    shutil.rmtree(gateway.root / added.NAME)
    added.write_version(gateway.root, 1, weights=(10, 1), names="pq")
    gateway.look()
    assert gateway.totals({"p": 1, "q": 2}) == [12]


def test_a_model_that_nobody_signed_does_not_take_its_place(tmp_path: Path) -> None:
    key = pair(tmp_path / "trusted")
    with opened(tmp_path, Signatures(tmp_path / "trusted")) as gateway:
        folder = added.write_version(gateway.root, 1)
        sign_version(folder, key)
        gateway.look()
        shutil.rmtree(folder)
        added.write_version(gateway.root, 1, weights=(10, 1))
        gateway.look()
        assert gateway.totals({"a": 1, "b": 2}) == [3]
        sign_version(folder, key)
        gateway.look()
        assert gateway.totals({"a": 1, "b": 2}) == [12]


def test_every_door_answers_alike_and_says_what_it_takes(gateway: Gateway) -> None:
    documents = ("/openapi.json", "/docs/openapi.json")
    assert not any(PREDICT in gateway.ask(path)[1]["paths"] for path in documents)
    added.write_version(gateway.root, 1)
    gateway.look()
    values = np.array([[1, 2], [3, 4]], np.float32)
    for module, port in (
        (tritonclient.http, gateway.doors.ports.http),
        (tritonclient.grpc, gateway.doors.ports.grpc),
    ):
        with module.InferenceServerClient(f"127.0.0.1:{port}") as client:
            assert client.is_model_ready(added.NAME)
            tensor = module.InferInput("features", [2, 2], "FP32")
            tensor.set_data_from_numpy(values)
            assert client.infer(added.NAME, [tensor]).as_numpy("total").tolist() == [[3], [7]]
    for path in documents:
        content = gateway.ask(path)[1]["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]
        assert content["example"] == {"instances": [{"a": 0.0, "b": 1.0}]}
    status, found = gateway.ask(f"/v2/models/{added.NAME}")
    assert (status, found["inputs"]) == (200, [{"name": "features", "datatype": "FP32", "shape": [-1, 2]}])


def test_a_damaged_model_is_refused_and_concerns_its_callers_alone(gateway: Gateway) -> None:
    folder = added.write_version(gateway.root, 1)
    (folder / "model.onnx").write_bytes(b"damaged")
    (gateway.root / "nothing").mkdir()
    gateway.look()
    assert gateway.ask("/v2/health/ready")[0] == 200
    status, problem = gateway.ask(PREDICT, {"instances": [[1, 2]]})
    assert status == 503 and "model.onnx: sha256 is" in problem["detail"]
    assert gateway.ask("/v1/models")[1] == {"models": ["toy", added.NAME]}


def test_readiness_waits_for_the_models_that_are_there_and_for_no_later_one(tmp_path: Path) -> None:
    """Otherwise each gateway of a service would leave it while a large model is loaded."""
    added.write_version(tmp_path, 1)

    async def main() -> None:
        opened = {added.NAME: asyncio.Event(), "later": asyncio.Event()}

        async def open_backend(app: Any, manifest: Any) -> Any:
            await opened[app.name].wait()
            path = tmp_path / app.name / str(manifest.version) / "model.onnx"
            return open_fused(path, app.inputs, Batching())

        repository = Repository(tmp_path)
        found = AddedModels(repository, set())
        catalog = Catalog([], repository, open_backend, VersionEvents(Metrics()), added=found)
        assert not catalog.ready(), "nobody has looked yet"
        await catalog.refresh(patience=0)
        assert not catalog.ready()
        opened[added.NAME].set()
        await catalog.refresh()
        assert catalog.ready()
        _renamed(added.write_version(tmp_path / "other", 1), tmp_path, "later")
        await catalog.refresh(patience=0)
        assert catalog.ready() and catalog.versions("later").waiting
        opened["later"].set()
        await catalog.refresh()
        assert catalog.resolve("later").number == 1
        await catalog.close()

    asyncio.run(main())


def _renamed(folder: Path, root: Path, name: str) -> None:
    """Move a version of the model to another one."""
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"model": "{added.NAME}"', f'"model": "{name}"'))
    shutil.move(folder.parent, root / name)


def test_a_version_of_an_app_is_none_of_an_added_model(gateway: Gateway) -> None:
    folder = added.write_version(gateway.root, 1)
    other = gateway.root / "toy" / "2"
    shutil.copytree(folder, other)
    text = (other / "manifest.json").read_text().replace('"sum"', '"toy"')
    (other / "manifest.json").write_text(text.replace('"version": 1', '"version": 2'))
    gateway.look()
    states = {
        (entry.name, entry.version): entry.reason for entry in DataPlane(Settings(), gateway.catalog).index()
    }
    assert "toy is an app" in states["toy", 2]


def test_a_model_that_takes_one_row_gets_one(gateway: Gateway) -> None:
    folder = added.write_version(gateway.root, 1).parent
    alone = msgspec.structs.replace(added.AB, alone="it says so")
    assert batching_of(added_app(added.manifest(alone), folder)).max_rows == 1
    assert batching_of(added_app(added.manifest(), folder)).max_rows == 8


def test_a_model_that_is_added_later_does_not_take_readiness_away(gateway: Gateway) -> None:
    assert gateway.ask("/v2/health/ready")[0] == 200
    added.write_version(gateway.root, 1)
    (begun, go) = (threading.Event(), threading.Event())
    opened = gateway.catalog._open_backend

    async def slowly(app: Any, manifest: Any) -> Any:
        begun.set()
        await asyncio.to_thread(go.wait, 30)
        return await opened(app, manifest)

    gateway.catalog._open_backend = slowly
    looking = asyncio.run_coroutine_threadsafe(gateway.catalog.refresh(), gateway.doors.loop)
    assert begun.wait(30)
    assert gateway.ask("/v2/health/ready")[0] == 200
    assert gateway.ask(f"/v2/models/{added.NAME}/ready")[0] == 503
    go.set()
    looking.result(30)
    assert gateway.totals([1, 2]) == [3]


def test_a_model_that_a_setting_names_must_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "models"
    repository, settings = Repository(root), Settings(home=tmp_path / "home", model_repository=root)
    backends = Backends(settings, repository, Metrics(), {})
    models = AddedModels(repository, set(), [added.NAME])
    catalog = Catalog([], repository, backends.open, VersionEvents(Metrics()), added=models)

    async def ready() -> bool:
        await catalog.refresh()
        return catalog.ready()

    async def main() -> None:
        assert not await ready(), "it is not there yet"
        assert "the model repository has no added model sum" in caplog.text
        folder = added.write_version(root, 1)
        assert await ready()
        shutil.rmtree(folder.parent)
        assert not await ready()
        (added.write_version(root, 1) / "model.onnx").write_bytes(b"damaged")
        assert not await ready()
        await catalog.close()
        await backends.close()

    asyncio.run(main())
