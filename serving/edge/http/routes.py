"""Starlette routes with what the platform needs to know of each: its handler, its two halves, its description."""

from __future__ import annotations

import re
from asyncio import Future
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from starlette import routing
from starlette.types import Receive, Scope, Send

from serving.edge.error_responses import WrongMethod, no_path
from serving.edge.http.request_body import WITH_BODY, DisconnectWatch, check_media, read_body
from serving.edge.request_life import Answer, Request, Response

__all__ = ["REQUEST", "Finish", "Handler", "HotRoute", "Route", "Start", "answer_unrouted", "send_answer"]

Handler = Callable[[Request], Awaitable[Answer]]
Start = Callable[[Request], Future[Any]]
Finish = Callable[[Request, Any], Response]

REQUEST = "slipway.request"
"""Where the ASGI scope has the `Request`."""
EVERY_METHOD = ("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")


class Route(routing.Route):
    """One method of one path. In `path`, `{name}` stands for one segment without `/` and `:`.

    `description` is what OpenAPI says of the route, see `serving.edge.doors.operation`. A handler finds the whole
    body in its request, and a client that leaves cancels it. With `reads_body=False` it takes the parts from
    `Request.receive` itself. `max_body_bytes` replaces the limit of the settings. `scope` is what a caller needs,
    with parameters of the path in it, such as `predict:{model}`; "" asks for any identity, None for none.
    """

    def __init__(
        self,
        method: str,
        path: str,
        handler: Handler,
        description: object = None,
        *,
        scope: str | None,
        reads_body: bool = True,
        max_body_bytes: int | None = None,
    ) -> None:
        super().__init__(path, handler, methods=[method], include_in_schema=description is not None)
        self.path_regex = _pattern(path)
        self.app = self._serve
        self.method = method
        self.handler = handler
        self.description = description
        self.scope = scope
        self._reads_body = reads_body and method in WITH_BODY
        self._max_body_bytes = max_body_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the router. Where only the path fits, say which methods it has."""
        if scope["method"] in cast(set[str], self.methods):
            await self.app(scope, receive, send)
            return
        allow = _methods(scope["router"].routes, scope["path"])
        if scope["method"] != "OPTIONS":
            raise WrongMethod(scope["method"], allow)
        await _send_allowed(allow, send)

    def allow(self, request: Request) -> None:
        """Check that the caller may use this route. Raises `Unauthenticated` or `Forbidden`."""
        if self.scope is not None:
            request.identity.require(self.scope.format_map(request.params))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: Request = scope[REQUEST]
        request.route, request.params, request.receive = self.path, scope["path_params"], receive
        if request.identity.scopes is not None:
            self.allow(request)
        if self._max_body_bytes is not None:
            request.max_body_bytes = self._max_body_bytes
        if self._reads_body:
            check_media(request.headers.get(b"content-type"))
            request.body = await read_body(receive)
            with DisconnectWatch(receive):
                answer = await self.handler(request)
        else:
            answer = await self.handler(request)
        await send_answer(answer, scope, receive, send)


class HotRoute(Route):
    """A route in two halves that never wait: `start` puts the work in a queue, `finish` makes the answer.

    The hot lane calls them itself and saves the task that a handler needs.
    """

    def __init__(
        self,
        method: str,
        path: str,
        start: Start,
        finish: Finish,
        description: object = None,
        *,
        scope: str | None,
    ) -> None:
        async def handler(request: Request) -> Response:
            return finish(request, await start(request))

        super().__init__(method, path, handler, description, scope=scope)
        self.start = start
        self.finish = finish


async def send_answer(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a whole answer, or let an ASGI application send its own."""
    if not isinstance(answer, Response):
        await answer(scope, receive, send)
        return
    headers = []
    if answer.status != 204:
        headers.append((b"content-type", answer.content_type.encode()))
        headers.append((b"content-length", b"%d" % len(answer.body)))
    for name, value in answer.headers.items():
        headers.append((name.encode(), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def answer_unrouted(scope: Scope, receive: Receive, send: Send) -> None:
    """Called by the router for a path that no route has. Raises `NotFound`, but for `OPTIONS *`."""
    if scope["method"] != "OPTIONS" or scope["path"] != "*":
        raise no_path(scope["path"])
    await _send_allowed(EVERY_METHOD, send)


async def _send_allowed(methods: Iterable[str], send: Send) -> None:
    headers = [(b"allow", ", ".join(methods).encode())]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _methods(routes: Iterable[routing.BaseRoute], path: str) -> tuple[str, ...]:
    """The methods of a path, as the header `Allow` lists them."""
    fitting = [route for route in routes if isinstance(route, Route) and route.path_regex.match(path)]
    return tuple(sorted({"OPTIONS"}.union(*(route.methods or () for route in fitting))))


def _pattern(path: str) -> re.Pattern[str]:
    """Stricter than Starlette's own: a segment ends at a colon too, and the path at its last character."""
    parts = re.split(r"\{(\w+)\}", path)
    named = [f"(?P<{part}>[^/:]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)]
    return re.compile(f"{''.join(named)}\\Z")
