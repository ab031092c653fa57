"""The operations door: OpenAPI and its page, metrics, liveness and the list of routes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import swagger_ui_bundle

from serving.edge.doors.openapi import document, lowered
from serving.edge.doors.operation import Operation
from serving.edge.http.routes import Route
from serving.edge.request_life import Request, Response
from serving.kernel.app import App
from serving.kernel.errors import NotFound
from serving.models.dataplane import DataPlane

__all__ = ["OperationsDoor"]

T = TypeVar("T")
ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Slipway</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = b"""SwaggerUIBundle({
  url: "/docs/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
"""
POLICY = {
    # The page sets styles from script. Everything is loaded from this server.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
Metrics = Callable[[], Callable[[], tuple[bytes, str]]]
"""Called on the loop; what it gives makes the body and the content type of `/metrics` in any thread."""


def _described(name: str, summary: str) -> Operation:
    return Operation(name=name, tag="operations", summary=summary, answers={"200": {"description": f"{summary}."}})


METRICS = _described("metrics", "Prometheus's text format")
HEALTHZ = _described("healthz", "Whether this node can answer, as Ray Serve says it")
ROUTES = _described("routes", "Route prefix to application, as Ray Serve says it")


class OperationsDoor:
    """`/`, `/docs`, `/openapi.json`, `/metrics`, `/-/healthz`, `/-/routes`."""

    def __init__(
        self,
        dataplane: DataPlane,
        described: Sequence[Route] = (),
        metrics: Metrics | None = None,
        asks_callers: bool = False,
    ) -> None:
        """`described` are the routes of the other doors, for the OpenAPI document, as is `asks_callers`."""
        self.dataplane = dataplane
        self._described = described
        self._metrics = metrics
        self._asks_callers = asks_callers
        self._apps: tuple[App[Any, Any, Any], ...] = ()
        self._documents: dict[bool, bytes] = {}
        """The OpenAPI documents of these apps, by whether they are lowered."""
        # With many models, texts take longer to make than other requests may wait; one after the other is enough.
        self._thread = ThreadPoolExecutor(1, "operations")

    def routes(self) -> list[Route]:
        """Every route of this door."""
        return [
            Route("GET", "/", self.root, scope=None),
            Route("GET", "/metrics", self.metrics, METRICS, scope="operations"),
            Route("GET", "/-/healthz", self.healthz, HEALTHZ, scope=None),
            Route("GET", "/-/routes", self.listing, ROUTES, scope=None),
            Route("GET", "/openapi.json", self.openapi, scope=""),
            Route("GET", "/docs", self.page, scope=None),
            Route("GET", "/docs/start.js", self.start, scope=None),
            Route("GET", "/docs/openapi.json", self.openapi_lowered, scope=""),
            Route("GET", "/docs/{asset}", self.asset, scope=None),
        ]

    async def _in_thread(self, make: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, make, *given)

    def _document(self, apps: tuple[App[Any, Any, Any], ...], is_lowered: bool) -> bytes:
        """Make a document if it is not the one of the last request."""
        if list(map(id, apps)) != list(map(id, self._apps)):
            self._apps, self._documents = apps, {}
        if is_lowered not in self._documents:
            made = document([*self._described, *self.routes()], apps, self._asks_callers)
            self._documents[is_lowered] = msgspec.json.encode(lowered(made) if is_lowered else made)
        return self._documents[is_lowered]

    async def root(self, request: Request) -> Response:
        """Links to everything else. KServe's v1 client looks for `status`."""
        links = ("/docs", "/openapi.json", "/v1/models", "/v2", "/metrics", "/-/routes")
        return Response.json({"name": "slipway", "status": "alive", "links": links})

    async def healthz(self, request: Request) -> Response:
        """Answer like Ray Serve's own proxies: KubeRay's readiness probe looks for that."""
        if not self.dataplane.ready():
            return Response(b"not ready", 503, "text/plain")
        return Response(b"success", 200, "text/plain")

    async def listing(self, request: Request) -> Response:
        """Route prefix to application, as Ray Serve's own proxies answer."""
        return Response.json({"/": "slipway"}) if self.dataplane.ready() else await self.healthz(request)

    async def metrics(self, request: Request) -> Response:
        """Prometheus's text format."""
        if self._metrics is None:
            raise NotFound("this process keeps no metrics")
        body, content_type = await self._in_thread(self._metrics())
        return Response(body, 200, content_type)

    async def openapi(self, request: Request) -> Response:
        """OpenAPI 3.1."""
        return Response(await self._in_thread(self._document, self.dataplane.apps(), False))

    async def openapi_lowered(self, request: Request) -> Response:
        """The same in OpenAPI 3.0, which is what the bundled page can show."""
        return Response(await self._in_thread(self._document, self.dataplane.apps(), True))

    async def page(self, request: Request) -> Response:
        """The interactive page."""
        return Response(PAGE, 200, "text/html; charset=utf-8", dict(POLICY))

    async def start(self, request: Request) -> Response:
        """The script of the page, in a file of its own, so that the policy can forbid inline script."""
        return Response(START, 200, "text/javascript; charset=utf-8", dict(POLICY))

    async def asset(self, request: Request) -> Response:
        """A file of the page, from the installed bundle."""
        name = request.params["asset"]
        if name not in ASSETS:
            raise NotFound(f"no asset {name[:64]!r}; allowed: {', '.join(ASSETS)}")
        return Response(_read(name), 200, ASSETS[name], {**POLICY, "cache-control": "public, max-age=86400"})


@lru_cache(maxsize=len(ASSETS))
def _read(name: str) -> bytes:
    return Path(swagger_ui_bundle.swagger_ui_path, name).read_bytes()
