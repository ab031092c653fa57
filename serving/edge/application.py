"""The HTTP application: every route, and the middleware that every request passes on its way to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from serving.edge.doors.collections import CollectionDoor
from serving.edge.doors.operations import OperationsDoor
from serving.edge.doors.v1 import RecordDoor
from serving.edge.doors.v2 import TensorDoor
from serving.edge.http.compression import CompressAnswer, DecompressBody
from serving.edge.http.hot_lane import HotLane
from serving.edge.http.middleware import AnswerErrors, IdentifyCaller, LimitBody, RecordRequest
from serving.edge.http.routes import Route, answer_unrouted
from serving.edge.identity.callers import Callers
from serving.edge.request_life import RequestFactory
from serving.kernel.settings import Settings
from serving.models.dataplane import DataPlane
from serving.observe.request_record import Observer

__all__ = ["HttpApplication", "middleware", "routes"]

Metrics = Callable[[], Callable[[], tuple[bytes, str]]]

METHODS = ("GET", "POST", "PUT", "DELETE")
LIMITS = ("ratelimit", "ratelimit-policy")
READABLE = ("x-request-id", "x-model-version", "inference-header-content-length", "retry-after", *LIMITS)
"""Headers of an answer that the script of another origin may read."""


class HttpApplication:
    """ASGI application of every HTTP path. Holds no logic beyond the wire: all of that is the data plane's.

    `hot_lane` takes what it can before the application is asked. `metrics` gives what makes the body and content
    type of `/metrics`. `extra` are routes beside those of the doors. `callers`: as for `RequestFactory`.
    """

    def __init__(
        self,
        dataplane: DataPlane,
        observer: Observer | None = None,
        metrics: Metrics | None = None,
        extra: Sequence[Route] = (),
        callers: Callers | None = None,
    ) -> None:
        requests = RequestFactory(dataplane.settings, observer, callers)
        every = routes(dataplane, metrics, extra, requests.asks_callers)
        self.hot_lane = HotLane(every, requests, dataplane.models())
        self._router = Router(
            every, redirect_slashes=False, default=answer_unrouted, middleware=middleware(requests)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. There are no WebSockets here."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._router(scope, receive, send)


def routes(
    dataplane: DataPlane,
    metrics: Metrics | None = None,
    extra: Sequence[Route] = (),
    asks_callers: bool = False,
) -> list[Route]:
    """Every route, the busiest first."""
    apps = [
        *RecordDoor(dataplane).routes(),
        *TensorDoor(dataplane).routes(),
        *extra,
        *CollectionDoor(dataplane).routes(),
    ]
    return [*apps, *OperationsDoor(dataplane, apps, metrics, asks_callers).routes()]


def middleware(requests: RequestFactory) -> list[Middleware]:
    """What a request passes, in running order; its answer passes the same in reverse.

    CORS and the compression of answers come before errors, so that error answers have their headers too.
    """
    settings = requests.settings
    steps: list[Middleware | None] = [
        Middleware(RecordRequest, requests),
        _cors(settings),
        Middleware(CompressAnswer, settings.compress_bytes) if settings.compress_bytes else None,
        Middleware(AnswerErrors),
        Middleware(LimitBody, requests),
        Middleware(IdentifyCaller, requests),
        Middleware(DecompressBody),
    ]
    return [step for step in steps if step is not None]


def _cors(settings: Settings) -> Middleware | None:
    if not settings.cors_origins:
        return None
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=METHODS,
        allow_headers=("*",),
        expose_headers=READABLE,
    )
