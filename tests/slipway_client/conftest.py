"""A gateway with the toy app, one with an added model, and both clients behind one face."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.hosting.listener import Listener
from serving.kernel.added.find import AddedModels
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.models.backends.factory import Backends
from serving.models.catalog import Catalog
from serving.models.dataplane import DataPlane
from serving.observe.metrics import Metrics
from serving.observe.versions import VersionEvents
from slipway_client import AsyncClient, Client
from tests.serving import added
from tests.serving.edge.toy import ToyPlane


class Awaited:
    """An `AsyncClient` that is used as a `Client`."""

    def __init__(self, *words: Any, **named: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*words, **named)
        self._closed = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*words: Any, **named: Any) -> Any:
            return await getattr(self._client, name)(*words, **named)

        return lambda *words, **named: self._runner.run(call(*words, **named))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._runner.run(self._client.close())
            self._runner.close()


@pytest.fixture(params=[Client, Awaited], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes clients, and closes them."""
    made: list[Any] = []

    def make(*words: Any, **named: Any) -> Any:
        made.append(request.param(*words, **named))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture(scope="session")
def toy() -> Iterator[tuple[ToyPlane, str]]:
    """A gateway with the toy app, whose markets make things go wrong, and its address."""
    plane = ToyPlane()
    doors = Listener(HttpApplication(plane), GrpcDoor(plane), plane.settings)
    doors.start()
    yield plane, f"http://127.0.0.1:{doors.ports.http}"
    doors.stop(1.0)


@pytest.fixture(scope="session")
def added_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a gateway with the model `sum` of the columns a and b, versions 1 and 2."""
    root = tmp_path_factory.mktemp("client") / "models"
    added.write_version(root, 1)
    added.write_version(root, 2, weights=(10, 1))
    metrics, repository = Metrics(), Repository(root)
    settings = Settings(home=root.parent, model_repository=root, http_port=0, grpc_port=0, backend="fused")
    backends = Backends(settings, repository, metrics, {})
    catalog = Catalog([], repository, backends.open, VersionEvents(metrics), added=AddedModels(repository, set()))
    plane = DataPlane(settings, catalog)
    doors = Listener(
        HttpApplication(plane), GrpcDoor(plane), settings, on_start=catalog.refresh, on_stop=catalog.close
    )
    doors.start()
    yield f"http://127.0.0.1:{doors.ports.http}"
    doors.stop(1.0)
