"""The HTTP application of a replica that is being taken away, or of a connection that has lasted long enough."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Draining"]

HEALTH_PATH = "/-/healthz"


class Draining:
    """The same application, except that each answer is the last one on its connection.

    Where it is not `healthy`, `/-/healthz` answers 503, so that load balancers send their traffic elsewhere.
    """

    def __init__(self, app: ASGIApp, *, healthy: bool) -> None:
        self._app = app
        self._healthy = healthy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of an HTTP/1 connection."""

        async def send_last(message: Message) -> None:
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
