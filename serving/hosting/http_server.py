"""uvicorn on one shared port, which it leaves without losing a request."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from serving.edge.application import HttpApplication
from serving.edge.http.connections import Connections
from serving.edge.http.uvicorn_protocol import HttpProtocol
from serving.hosting.draining import Draining
from serving.hosting.sockets import bind, others_listen, turn_away
from serving.kernel.settings import Settings

__all__ = ["KEEP_ALIVE_SECONDS", "HttpServer"]

LINGER_SECONDS = 2.0
"""How long an idle connection is kept, so that it gets one more answer, which tells its client to reconnect."""
LOOK_SECONDS = 0.02
KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep idle connections, so that the load balancer is the side that closes."""
TICK_SECONDS = 1.0
TICKS = 10
"""What uvicorn, whose own tick is a tenth of a second, counts as a second."""

log = logging.getLogger(__name__)


class HttpServer:
    """Serves the HTTP application on its port from `open` to `drain`, in the loop that runs both."""

    def __init__(self, app: HttpApplication, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self.port = settings.http_port
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Return once the port answers. Raises `OSError` naming the port's variable."""
        listening = bind(self._settings.host, self._settings.http_port, "http_port")
        self.port = listening.getsockname()[1]
        self._server = _Uvicorn(self._app, self.port, self._settings)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._task.done():
                listening.close()
                await self._task
                raise OSError("the HTTP server did not start")
            await asyncio.sleep(0.005)

    async def ended(self) -> None:
        """Wait until it has closed. Raises what ended it."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def drain(self, grace: float) -> None:
        """Take no new connections, go on answering what has begun for at most `grace` seconds, close."""
        if self._server is None or self._task is None:
            return
        self._server.grace = grace
        self._server.stop()
        await asyncio.wait({self._task})


class _Uvicorn(uvicorn.Server):
    """A uvicorn that drains. uvicorn itself closes idle connections at once, and loses requests on their way."""

    def __init__(self, app: HttpApplication, port: int, settings: Settings) -> None:
        # What each connection gets; while the server drains, no hot lane.
        self._protocol = partial(
            HttpProtocol,
            requests=app.hot_lane.requests,
            connections=Connections(settings.max_connections, settings.max_connections_per_peer),
        )
        super().__init__(_config(app, partial(self._protocol, hot_lane=app.hot_lane)))
        self._port = port
        self._notice = settings.notice_seconds
        self._longest = settings.connection_seconds
        self._ends: dict[HttpProtocol, float] = {}
        self._stopping = asyncio.Event()
        self.grace = 5.0

    def stop(self) -> None:
        """Begin to shut down."""
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """Called by uvicorn, whose own wakes ten times a second to see whether it should exit."""
        while not await self.on_tick(TICKS):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_SECONDS)

    async def on_tick(self, counter: int) -> bool:
        """Keep the date header of the answers current; returns whether to shut down."""
        if self._longest:
            self._end_old_connections(time.monotonic())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn when `should_exit` was set."""
        shared = others_listen(self._port)
        self._make_answers_last(healthy=shared)
        if not shared:
            await self._until(lambda: False, self._notice)
        await turn_away(os.fstat(listening.fileno()).st_ino for listening in sockets or ())
        for server in self.servers:
            server.close()
        state, linger = self.server_state, min(LINGER_SECONDS, self.grace / 2)
        await self._until(lambda: not state.connections, linger)
        for connection in list(state.connections):
            connection.shutdown()
        if not await self._until(lambda: not state.connections and not state.tasks, self.grace - linger):
            self._give_up()

    def _make_answers_last(self, *, healthy: bool) -> None:
        """From now on each connection, existing or new, is closed after its next answer."""
        draining = Draining(self.config.loaded_app, healthy=healthy)
        self.config.loaded_app = draining
        self.config.http_protocol_class = cast(Any, partial(self._protocol, hot_lane=None))
        for connection in self._connections():
            connection.drain(draining)

    def _end_old_connections(self, now: float) -> None:
        """Make the next answer of each connection that has lasted long enough its last one."""
        ends = {
            connection: self._ends.get(connection) or now + self._longest * random.uniform(0.9, 1.1)  # noqa: S311
            for connection in self._connections()
        }
        for connection, end in ends.items():
            if end < now and not connection.draining:
                connection.drain(Draining(self.config.loaded_app, healthy=True))
        self._ends = ends

    def _connections(self) -> list[HttpProtocol]:
        return [one for one in self.server_state.connections if isinstance(one, HttpProtocol)]

    async def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    # Keeps the date header of the answers current.
                    await super().on_tick(0)
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            return False
        return True

    def _give_up(self) -> None:
        log.warning("%d requests were not answered in time", len(self.server_state.tasks))
        for task in self.server_state.tasks:
            task.cancel()
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _config(app: ASGIApp, protocol: Any) -> uvicorn.Config:
    """`protocol` is called for each connection."""
    return uvicorn.Config(
        cast(Any, app),
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
