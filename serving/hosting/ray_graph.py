"""The Ray Serve deployment graph: a gateway and, for apps whose backend is `replica`, their model replicas.

Behind the native door gateway replicas open their own listeners (SO_REUSEPORT, so all replicas of a node share the
ports): Ray places, checks, scales and restarts them and stays out of the request's way. Behind the door `ray` the
same ASGI application is called by Ray Serve, which takes HTTP requests from its HAProxy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from ray import serve
from ray.serve.config import AutoscalingConfig
from ray.serve.handle import DeploymentHandle

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.hosting.autoscaling import IN_FLIGHT, QUEUE_SECONDS, LoadPolicy
from serving.hosting.grpc_server import GrpcServer
from serving.hosting.listener import Listener
from serving.kernel.app import App
from serving.kernel.app_values import Replicas, Values, load_values, most_demanding
from serving.kernel.settings import Settings
from serving.models.backends.factory import kind_of
from serving.models.backends.replica import ModelReplica
from serving.models.backends.replica_port import listen_on_the_node_only
from serving.observe.load import Load

__all__ = ["GATEWAY", "Gateway", "Hosted", "RayGateway", "graph"]

GATEWAY = "gateway"
"""Name of the deployment whose replicas listen."""

KILL_SECONDS = 5.0
"""How much longer Ray waits than a replica may need to shut down."""
HEALTH = {"health_check_period_s": 5, "health_check_timeout_s": 10}
"""Ray replaces a replica that fails three checks in a row."""
REPORT_SECONDS = 2.0
MODEL_BATCHES = 2.0
"""Batches in flight per model replica: one runs, one is ready."""
LOOK_BACK_SECONDS = 15.0
"""Ray Serve takes the mean of the reports of this period."""
MANY = 2**20
"""The batchers bound the queues and refuse what is too much, so Ray must not hold requests back."""


class Hosted(Protocol):
    """What a gateway replica runs: HTTP, gRPC and all they need, opened and closed in the serving loop."""

    http: HttpApplication
    grpc: GrpcDoor

    def open(self) -> Awaitable[None]:
        """Prepare to answer."""

    def close(self) -> Awaitable[None]:
        """Release everything, after the last request."""

    def alive(self) -> bool:
        """Whether it is open and works."""

    def load(self) -> Load:
        """The load since the last call."""


MakeServer = Callable[[Settings, Mapping[str, DeploymentHandle]], Hosted]


class _Replica:
    """What Ray calls on a gateway replica, behind either door."""

    _server: Hosted

    async def check_health(self) -> None:
        """Raises `RuntimeError` to have this replica replaced."""
        if not self._server.alive():
            raise RuntimeError("the gateway has stopped")

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """The figures that `LoadPolicy` uses."""
        load = self._server.load()
        return {IN_FLIGHT: load.in_flight, QUEUE_SECONDS: load.queue_seconds}


class Gateway(_Replica):
    """One replica of the gateway with its own listeners, in a thread of their own."""

    def __init__(self, make_server: MakeServer, settings: Settings, handles: dict[str, DeploymentHandle]) -> None:
        listen_on_the_node_only()
        self._grace = settings.drain_seconds
        self._server = server = make_server(settings, handles)
        self._listener = Listener(server.http, server.grpc, settings, on_start=server.open, on_stop=server.close)
        self._listener.start()

    async def check_health(self) -> None:
        """Raises `RuntimeError`, or does not return, to have this replica replaced."""
        if not self._listener.alive():
            raise RuntimeError("the gateway's listener has stopped")
        await self._listener.responds()
        await super().check_health()

    def __del__(self) -> None:
        """Called by Ray when it removes the replica."""
        listener = getattr(self, "_listener", None)
        if listener is not None:
            listener.stop(self._grace)


class RayGateway(_Replica):
    """One replica of the gateway that gets its HTTP requests from Ray Serve. gRPC still has its own port."""

    def __init__(self, make_server: MakeServer, settings: Settings, handles: dict[str, DeploymentHandle]) -> None:
        listen_on_the_node_only()
        self._grace = settings.drain_seconds
        self._server = make_server(settings, handles)
        self._grpc = GrpcServer(self._server.grpc, settings)

    async def __serve_build_asgi_app__(self) -> HttpApplication:
        """Called once by Ray, in the loop that will serve requests; returns the application for them."""
        await self._server.open()
        await self._grpc.open()
        return self._server.http

    async def __del__(self) -> None:
        """Called by Ray when it removes the replica, after the answer to its last HTTP request."""
        # Neither exists where the constructor failed.
        if hasattr(self, "_grpc"):
            await self._grpc.drain(self._grace)
            await self._server.close()


def graph(
    make_server: MakeServer, settings: Settings, apps: Sequence[App[Any, Any, Any]], environ: Mapping[str, str]
) -> serve.Application:
    """Bind the deployments for `apps`; `environ` is set in every gateway process."""
    values = {app.name: load_values(app.folder) for app in apps}
    handles = {
        app.name: _model(app, values[app.name], settings) for app in apps if kind_of(app, settings) == "replica"
    }
    # Without apps, a gateway serves models that were added.
    gateway = list(values.values()) or [Values()]
    cpus = max(value.resources.cpus for value in gateway)
    replica = serve.ingress()(RayGateway) if settings.door == "ray" else Gateway
    return (
        serve.deployment(replica)
        .options(
            name=GATEWAY,
            ray_actor_options={"num_cpus": cpus, "runtime_env": {"env_vars": dict(environ)}},
            max_ongoing_requests=MANY,
            **HEALTH,
            # The native door drains itself; Ray does not see its requests.
            graceful_shutdown_wait_loop_s=0.1,
            graceful_shutdown_timeout_s=settings.notice_seconds + settings.drain_seconds + KILL_SECONDS,
            logging_config={"enable_access_log": False},
            **_how_many(settings, most_demanding(value.replicas for value in gateway)),
        )
        .bind(make_server, settings, handles)
    )


def _how_many(settings: Settings, replicas: Replicas) -> dict[str, Any]:
    """The deployment's options for the number of gateways: fixed by the settings, or between the bounds."""
    most = settings.max_replicas or replicas.max
    least = min(replicas.min, most)
    if settings.replicas or least == most:
        return {"num_replicas": settings.replicas or least}
    policy = f"{LoadPolicy.__module__}:{LoadPolicy.__name__}"
    kwargs = {"target_queue_seconds": replicas.target_queue_ms / 1e3}
    config = _autoscaling(replicas, least, most, policy={"policy_function": policy, "policy_kwargs": kwargs})
    return {"autoscaling_config": config}


def _model(app: App[Any, Any, Any], values: Values, settings: Settings) -> serve.Application:
    replicas = values.replicas
    return (
        serve.deployment(ModelReplica)
        .options(
            name=f"{app.name}-model",
            # This counts batches: a gateway has several in flight at a time.
            autoscaling_config=_autoscaling(
                msgspec.structs.replace(replicas, target_ongoing_requests=MODEL_BATCHES),
                replicas.min,
                replicas.max,
            ),
            max_ongoing_requests=2 * values.batching.max_rows,
            max_queued_requests=values.batching.max_queue_rows,
            ray_actor_options={"num_cpus": values.resources.cpus, "num_gpus": values.resources.gpus},
            **HEALTH,
        )
        .bind(app.qualified_name, settings)
    )


def _autoscaling(replicas: Replicas, least: int, most: int, **more: Any) -> AutoscalingConfig:
    config = AutoscalingConfig(
        min_replicas=least,
        max_replicas=most,
        target_ongoing_requests=replicas.target_ongoing_requests,
        upscale_delay_s=replicas.upscale_delay_s,
        downscale_delay_s=replicas.downscale_delay_s,
        look_back_period_s=LOOK_BACK_SECONDS,
        **more,
    )
    # As an argument it would cause a warning in favour of an environment variable that Ray 2.60 does not read.
    config.metrics_interval_s = REPORT_SECONDS
    return config
