"""The HTTP and gRPC servers on their ports, in one event loop, in a thread of their own.

The ports are bound with SO_REUSEPORT, so replicas on one machine share them and the kernel spreads connections.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import uvloop

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.edge.identity.exposure import check_exposure
from serving.hosting.grpc_server import GrpcServer
from serving.hosting.http_server import HttpServer
from serving.kernel.settings import Settings
from serving.observe.threads import name_thread

__all__ = ["Listener", "Ports"]

Hook = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that were bound: those of the settings, or, where a setting is 0, ports that the kernel chose."""

    http: int
    grpc: int


class Listener:
    """Listens until `stop`. `on_start` runs in the loop before the ports open, `on_stop` after they are closed."""

    def __init__(
        self,
        http: HttpApplication,
        grpc_door: GrpcDoor,
        settings: Settings,
        *,
        on_start: Hook | None = None,
        on_stop: Hook | None = None,
    ) -> None:
        """Raises `SettingsError` if others would reach the doors and nobody is asked who they are."""
        check_exposure(settings)
        self._http = HttpServer(http, settings)
        self._grpc = GrpcServer(grpc_door, settings)
        self._on_start = on_start
        self._on_stop = on_stop
        self._ended = asyncio.Event()
        self._grace = 5.0
        self._serving = False
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="slipway-doors", daemon=True)
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()

    @property
    def ports(self) -> Ports:
        """The ports it listens on."""
        return Ports(self._http.port, self._grpc.port)

    def start(self) -> None:
        """Return once both ports answer.

        Raises `OSError` naming the port that could not be bound, and whatever `on_start` raised.
        """
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def alive(self) -> bool:
        """Whether it is listening."""
        return self._serving and self._thread.is_alive()

    async def responds(self) -> None:
        """Return when the loop has had a turn; never, while something blocks the loop."""
        turn = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self.loop)
        await asyncio.wrap_future(turn)

    def stop(self, grace: float = 5.0) -> None:
        """Accept no more, let requests in flight finish for up to `grace` seconds, close. May be called twice."""
        if not self._thread.is_alive():
            return
        self._grace = grace
        self.loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _run(self) -> None:
        name_thread("slipway-doors")
        try:
            self.loop.run_until_complete(self._main())
        except BaseException as cause:  # noqa: BLE001  the thread's edge: `start` raises it, or the log has it
            self._failure = cause
            if self._started.is_set():
                log.critical("the doors are closed", exc_info=cause)
        finally:
            self._serving = False
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
            self._started.set()

    async def _main(self) -> None:
        try:
            if self._on_start is not None:
                await self._on_start()
            await self._grpc.open()
            await self._http.open()
            self._serving = True
            self._started.set()
            await _first(self._http.ended(), self._ended.wait())
        finally:
            await asyncio.gather(self._http.drain(self._grace), self._grpc.drain(self._grace))
            if self._on_stop is not None:
                await self._on_stop()


async def _first(*awaited: Awaitable[object]) -> None:
    """Wait for the first of them to end. Raises what it raised."""
    tasks = [asyncio.ensure_future(one) for one in awaited]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    for task in done:
        task.result()
