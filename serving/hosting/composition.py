"""The composition root: settings -> metrics and logs -> repository -> catalog -> data plane -> doors -> graph.

The only file that wires. `Server` is what one gateway process holds; `deploy` puts it on Ray Serve.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.edge.identity.callers import Callers
from serving.edge.identity.exposure import check_exposure
from serving.hosting.http_server import KEEP_ALIVE_SECONDS
from serving.hosting.sockets import others_listen
from serving.kernel.added.find import AddedModels
from serving.kernel.find_app import find_deployed, find_served
from serving.kernel.settings import Settings, SettingsError, read
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.private_files import private_folder
from serving.kernel.storage.signatures import Signatures
from serving.models.backends.factory import Backends
from serving.models.catalog import Catalog
from serving.models.dataplane import DataPlane
from serving.models.loaded_version import LoadedVersion
from serving.observe.load import Load, LoadMeter
from serving.observe.logs import configure
from serving.observe.metrics import Metrics
from serving.observe.requests import RequestEvents
from serving.observe.versions import VersionEvents
from serving.records.collection import CollectionStore
from serving.records.lookup import RecordLookup

if TYPE_CHECKING:
    from ray import serve
    from ray.serve.handle import DeploymentHandle

__all__ = ["APPLICATION", "Server", "application", "deploy", "undeploy"]

APPLICATION = "slipway"
"""Name of the Ray Serve application."""
JOIN_SECONDS = 30.0

log = logging.getLogger("serving.hosting.composition")


class Server:
    """Everything that one gateway process holds, and the one place where it is put together.

    Open and close it in the loop that serves its doors: see `Listener`, which is one, and `graph.RayGateway`.
    """

    def __init__(self, settings: Settings, handles: Mapping[str, DeploymentHandle] | None = None) -> None:
        """`handles` are the model replicas by app, for the backend `replica`."""
        self._settings = settings
        self._logs = configure(
            settings.log_level, Path(settings.log_file) if settings.log_file else None, settings.log_max_bytes
        )
        metrics = Metrics()
        self._store = CollectionStore(settings.collections_url) if settings.collections_url else None
        repository = Repository(settings.model_repository, Signatures.of(settings))
        self._backends = Backends(settings, repository, metrics, handles or {})
        apps, added = find_served(settings)
        names = {app.name for app in apps}
        self._catalog = Catalog(
            apps,
            repository,
            self._backends.open,
            VersionEvents(metrics),
            settings.keep_versions,
            self._prepared,
            AddedModels(repository, names, added),
        )
        self._database = RecordLookup(settings.database_url) if settings.database_url else None
        self.dataplane = DataPlane(settings, self._catalog, self._database, self._store, metrics)
        self._metrics = metrics
        events = RequestEvents(metrics, self._logs.write)
        self._meter = LoadMeter(lambda: events.seconds)
        self._callers = callers = Callers.of(settings)
        self.http = HttpApplication(self.dataplane, events, metrics.scrape, callers=callers)
        self.grpc = GrpcDoor(self.dataplane, events, callers)
        self._watching: asyncio.Task[None] | None = None
        self._last_apps: set[str] = set()
        self._exempt_apps: set[str] = set()

    async def open(self) -> None:
        """Begin to follow the model repository.

        The first process on the ports of the node returns at once, and its answers say what it is waiting for. A
        process that joins others waits for what it can answer, for at most `JOIN_SECONDS`; those others answer.
        """
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        # Each connection is an open file, and shells start programs with a limit of about a thousand.
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._exempt()
        self._watching = asyncio.create_task(self._watch())
        if others_listen(self._settings.grpc_port):
            await self._until_ready()

    async def refresh(self) -> None:
        """Read the model repository once, for a process that answers one question and ends."""
        await self._refresh(None)
        if self._store is not None:
            await self._store.caught_up()

    async def close(self) -> None:
        """Release everything, after the last request."""
        if self._watching is not None:
            self._watching.cancel()
        await self._catalog.close()
        await self._backends.close()
        self._callers.close()
        if self._database is not None:
            self._database.close()
        if self._store is not None:
            self._store.close()
        self._logs.stop()

    def alive(self) -> bool:
        """Whether the repository is being followed."""
        return self._watching is not None and not self._watching.done()

    def load(self) -> Load:
        """The load since the last call."""
        return Load(self._meter.in_flight(), self._metrics.mean_wait())

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + JOIN_SECONDS
        while not self._complete() and self.alive() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    def _complete(self) -> bool:
        return self._catalog.settled() and all(map(self._prepared, self._catalog.loaded()))

    def _prepared(self, version: LoadedVersion) -> bool:
        """Whether it can search the collection of its app."""
        return self._store is None or version.encoder is None or not self._store.behind(version.encoder)

    async def _refresh(self, patience: float | None) -> None:
        await self._catalog.refresh(patience)
        if self._store is not None:
            self._store.follow(one.encoder for one in self._catalog.loaded() if one.encoder is not None)

    def _settle(self) -> None:
        """Exempt what an app's first version brought, such as the libraries of its explainer.

        That is one look after it was loaded, when its imports have ended, and once for each app: what later
        versions have of their own is collected when they are unloaded.
        """
        apps = {one.app.name for one in self._catalog.loaded() if one.app.home is None}
        if apps == self._last_apps and apps - self._exempt_apps:
            self._exempt_apps |= apps
            self._exempt()
        self._last_apps = apps

    def _exempt(self) -> None:
        """Exempt the objects that exist now from garbage collection.

        Otherwise each full collection would visit all of Ray and of the apps' libraries, for 50 to 100 ms.
        """
        gc.collect()
        gc.freeze()

    async def _watch(self) -> None:
        while True:
            try:
                # A version that takes long to load must not delay one that is published meanwhile.
                await self._refresh(self._settings.poll_seconds)
            except Exception:  # the loaded versions stay, and the next look may succeed
                log.exception("the model repository could not be followed")
            self._settle()
            await asyncio.sleep(self._settings.poll_seconds)


def deploy(settings: Settings) -> None:
    """Put the application on the Ray cluster this process is connected to; returns once replicas run.

    Raises `RuntimeError` when the deployment does not become healthy, and `SettingsError` when Ray was started
    without what the door `ray` needs, or when the gateway would be open to others: see `check_exposure`.
    """
    from ray import serve

    from serving.hosting.ray_graph import graph

    check_exposure(settings)
    ray_door = settings.door == "ray"
    if ray_door and os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") != "1":
        raise SettingsError(
            "SLIPWAY_DOOR: `ray` needs RAY_SERVE_ENABLE_HA_PROXY=1, here and where Ray is started, before it is"
        )
    settings = _absolute(settings)
    if ray_door:
        options = {"host": settings.host, "port": settings.http_port, "keep_alive_timeout_s": KEEP_ALIVE_SECONDS}
        serve.start(http_options=options)
    else:
        serve.start(proxy_location="Disabled")
    fresh = APPLICATION not in serve.status().applications
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(_metrics_folder(settings.home, fresh))}
    application: Any = graph(Server, settings, find_deployed(settings), environ)
    serve.run(application, name=APPLICATION, route_prefix="/" if ray_door else None)


def application(args: Mapping[str, str]) -> serve.Application:
    """The graph as the environment's settings say, for a Serve config.

    Its `import_path` is `serving.hosting.composition:application`.

    Each node that it runs on has the same environment; where replicas share their metric values says
    `PROMETHEUS_MULTIPROC_DIR`. Raises `ValueError` for arguments: there are none, and `SettingsError` when the
    gateway would be open to others.
    """
    from serving.hosting.ray_graph import graph

    if args:
        raise ValueError(f"args: {sorted(args)} are not known here; settings are environment variables SLIPWAY_*")
    settings = _absolute(read(Settings))
    check_exposure(settings)
    return graph(Server, settings, find_deployed(settings), {})


def undeploy() -> None:
    """Remove the application and let its replicas drain."""
    from ray import serve

    serve.shutdown()


def _absolute(settings: Settings) -> Settings:
    """The settings with absolute paths: replicas have other working folders."""
    return replace(settings, home=settings.home.resolve(), model_repository=settings.model_repository.resolve())


def _metrics_folder(home: Path, fresh: bool) -> Path:
    """The folder where the replicas of this node share metric values; emptied when nothing runs."""
    folder = home / "metrics"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    return private_folder(folder)
