"""grpc.aio on one shared port, which it leaves without losing a call."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from serving.edge.grpc.door import GrpcDoor
from serving.hosting.sockets import bind, listeners, turn_away
from serving.kernel.settings import Settings, variable

__all__ = ["GrpcServer"]

NO_LIMIT = 2**31 - 1
STREAMS = 100
"""Calls of one connection at a time, as RFC 9113 recommends. Clients let more of them wait; those of a client that
does not are refused, which gRPC reports as UNAVAILABLE. A call that its client has reset counts until it is
released, so a client that resets its calls cannot have more of them waiting than any other.
"""
WAITING = 2**14
"""Calls of all connections that wait to be taken. By default gRPC cancels some of everybody from 1,000 on."""
SETUP_SECONDS = 0.05
"""Time for an accepted connection to agree on HTTP/2. A connection that is closed before that fails."""
TURNS = 3
"""Turns of the loop in which gRPC sees a call that has arrived, takes it, and asks for the next one."""


class GrpcServer:
    """Serves the gRPC door on its port from `open` to `drain`, in the loop that runs both."""

    def __init__(self, door: GrpcDoor, settings: Settings) -> None:
        self._door = door
        self._settings = settings
        self.port = settings.grpc_port
        self._server: Any = None
        self._listeners: set[int] = set()

    async def open(self) -> None:
        """Return once the port answers. Raises `OSError` naming the port's variable."""
        # Bound first, because the error is clear, and to hold a port that the kernel has chosen.
        with bind(self._settings.host, self._settings.grpc_port, "grpc_port") as held:
            self.port = held.getsockname()[1]
            before = listeners(self.port)
            self._server = self._build()
            try:
                self._server.add_insecure_port(f"{_bracketed(self._settings.host)}:{self.port}")
            except RuntimeError as cause:
                raise OSError(f"{variable('grpc_port')}: port {self.port} could not be bound") from cause
            await self._server.start()
            self._listeners = listeners(self.port) - before

    async def drain(self, grace: float) -> None:
        """Take no new connections, tell clients to reconnect, go on answering for at most `grace` seconds."""
        if self._server is None:
            return
        self._door.close()
        await turn_away(self._listeners)
        await asyncio.sleep(SETUP_SECONDS)
        # `stop` cancels calls that gRPC has received and not taken yet (grpc/grpc#41785): take them first.
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await self._server.stop(grace)

    def _build(self) -> Any:
        server = grpc.aio.server(
            options=(
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", self._settings.max_body_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", STREAMS),
                ("grpc.server.max_pending_requests", WAITING),
                ("grpc.server.max_pending_requests_hard_limit", WAITING),
                ("grpc.max_allowed_incoming_connections", self._settings.max_connections or NO_LIMIT),
                ("grpc.max_connection_age_ms", round(self._settings.connection_seconds * 1e3) or NO_LIMIT),
            )
        )
        server.add_generic_rpc_handlers(self._door.handlers())
        return server


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
