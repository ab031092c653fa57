"""The HTTP door: one plain ASGI application, from bytes to a handler and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from serving.edge.doors.collections import CollectionDoor
from serving.edge.doors.operations import OperationsDoor
from serving.edge.doors.v1 import RecordDoor
from serving.edge.doors.v2 import TensorDoor
from serving.edge.error_responses import answer_to
from serving.edge.http.hot_lane import HotLane, record_of
from serving.edge.http.request_body import ClientGone, DisconnectWatch, read_body
from serving.edge.http_types import CallReader, Receive, Request, Response, Scope, Send, check_media
from serving.edge.router import Router, no_path
from serving.models.dataplane import DataPlane
from serving.observe.request_record import CLIENT_GONE, Ignore, Observer

__all__ = ["HttpDoor"]

Metrics = Callable[[], tuple[bytes, str]]

WITH_BODY = ("POST", "PUT")
EVERY_METHOD = ("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")


class HttpDoor:
    """ASGI application of every HTTP path. Holds no logic beyond the wire: all of that is the data plane's.

    `metrics` gives the body and content type of `/metrics`.
    """

    def __init__(
        self, dataplane: DataPlane, observer: Observer | None = None, metrics: Metrics | None = None
    ) -> None:
        self.settings = dataplane.settings
        self.observer = observer or Ignore()
        records, tensors = RecordDoor(dataplane), TensorDoor(dataplane)
        operations, kept = OperationsDoor(dataplane, metrics), CollectionDoor(dataplane)
        self.router = Router([*records.routes(), *tensors.routes(), *operations.routes(), *kept.routes()])
        self.calls = CallReader(self.settings)
        self.hot = HotLane(self.router, self.calls, self.observer, self.settings.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Other kinds of scope than `http` are turned away politely."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        peer = (scope.get("client") or ("",))[0]
        call = self.calls.read(headers, _door_of(scope["path"]), peer)
        self.observer.started(call.door)
        request = Request(scope["method"], headers, {}, call, query=scope.get("query_string", b""))
        watch = DisconnectWatch(receive)
        route, error = "", ""
        try:
            try:
                if request.method == "OPTIONS":
                    response = self._options(scope["path"])
                else:
                    found, request.params = self.router.find(request.method, scope["path"])
                    route = found.path
                    if request.method in WITH_BODY:
                        await self._take_body(request, receive)
                        watch.start()
                    response = await found.handler(request)
            except ClientGone:
                raise
            except Exception as cause:  # noqa: BLE001  the edge: whatever it is, the caller gets an answer
                response, error = answer_to(cause, request.call)
            watch.stop()
            status = response.status
            await _send(send, response, request.call.request_id)
        except asyncio.CancelledError:
            if not watch.gone():
                self.observer.finished(record_of(request, route, CLIENT_GONE, "Cancelled", began))
                raise
            status, error = CLIENT_GONE, ClientGone.__name__
        except ClientGone:
            status, error = CLIENT_GONE, ClientGone.__name__
        finally:
            watch.stop()
        self.observer.finished(record_of(request, route, status, error, began))

    async def _take_body(self, request: Request, receive: Receive) -> None:
        """Media type, deadline and size first, then the bytes."""
        request.call = self.calls.timed(request.call, request.headers)
        check_media(request.headers.get(b"content-type"), request.headers.get(b"content-encoding"))
        request.body = await read_body(
            receive, request.header(b"content-length"), self.settings.max_body_bytes, request.call.deadline
        )

    def _options(self, path: str) -> Response:
        allow = self.router.methods(path.rstrip("/") or "/") if path != "*" else EVERY_METHOD
        if not allow:
            raise no_path(path)
        return Response(status=204, headers={"allow": ", ".join(allow)})


def _door_of(path: str) -> str:
    return path[1:3] if path.startswith(("/v1", "/v2")) else "operations"


async def _send(send: Send, response: Response, request_id: str) -> None:
    headers = [(b"x-request-id", request_id.encode())]
    if response.status != 204:
        headers.append((b"content-type", response.content_type.encode()))
        headers.append((b"content-length", b"%d" % len(response.body)))
    for name, value in response.headers.items():
        headers.append((name.encode(), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
