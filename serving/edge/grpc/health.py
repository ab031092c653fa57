"""`grpc.health.v1.Health`, whose answer is that of the Open Inference Protocol's readiness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from serving.edge.grpc.descriptors import (
    HEALTH,
    INFERENCE,
    REFLECTION,
    STATUSES,
    HealthCheckResponse,
)
from serving.edge.request_life import RequestLife
from serving.kernel.errors import NotFound
from serving.models.dataplane import DataPlane

__all__ = ["Health"]

SERVER = ("", INFERENCE, HEALTH, *REFLECTION)
"""Services that answer as the whole server does."""
LOOK_SECONDS = 0.5
"""Time between two looks of a watcher at the state."""


class Health:
    """The state of the server, or of one model, which is asked for by its name."""

    def __init__(self, dataplane: DataPlane) -> None:
        self._dataplane = dataplane
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Tell every watcher that the server stops, and let it go. A watcher would delay the end of the server."""
        self._closing.set()

    async def check(self, message: Any, request: RequestLife) -> Any:
        """The present state. Raises `NotFound` for an unknown service, as the protocol asks."""
        status = self.status(message.service)
        if status == "SERVICE_UNKNOWN":
            names = ", ".join(app.name for app in self._dataplane.apps())
            raise NotFound(f"no service {message.service[:64]!r}; ask for '', {INFERENCE} or a model: {names}")
        return _response(status)

    async def watch(self, service: str) -> AsyncIterator[bytes]:
        """The state now and each time it changes; ends when the server stops."""
        sent = ""
        while not self._closing.is_set():
            status = self.status(service)
            if status != sent:
                sent = status
                yield _response(status).SerializeToString()
            await self._wait()
        if sent == "SERVING":
            yield _response("NOT_SERVING").SerializeToString()

    def status(self, service: str) -> str:
        """One of `STATUSES`."""
        try:
            ready = self._dataplane.ready() if service in SERVER else self._dataplane.model_ready(service)
        except NotFound:
            return "SERVICE_UNKNOWN"
        return "SERVING" if ready and not self._closing.is_set() else "NOT_SERVING"

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._closing.wait()
        except TimeoutError:
            pass


def _response(status: str) -> Any:
    return HealthCheckResponse(status=STATUSES.index(status))
