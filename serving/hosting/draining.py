"""The HTTP door of a replica that is being taken away, or of a connection that has lasted long enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from serving.edge.http_types import Receive, Scope, Send

__all__ = ["Application", "Leaving"]

Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""What ASGI calls an application."""

HEALTH_PATH = "/-/healthz"


class Leaving:
    """The same application with each answer the last on its connection.

    Not `healthy`, `/-/healthz` answers 503, so that whoever looks sends its traffic elsewhere.
    """

    def __init__(self, app: Application, *, healthy: bool) -> None:
        self._app = app
        self._healthy = healthy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of an HTTP/1 connection."""

        async def send_last(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        if scope["type"] == "http" and scope["path"] == HEALTH_PATH and not self._healthy:
            await _refuse(send_last)
        else:
            await self._app(scope, receive, send_last)


async def _refuse(send: Send) -> None:
    body = b"draining"
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
