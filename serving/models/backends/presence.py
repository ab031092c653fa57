"""Whether what runs a model outside this process answers: readiness may not wait for requests to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["Presence"]

LOOK_SECONDS = 1.0
"""Between two questions, and how long an answer may take."""
SILENT_LOOKS = 3
"""Questions in a row without an answer in time, after which nobody is there; one slow answer is not a death."""


class Presence:
    """Asks `ready` every second from `start` to `stop`. Who is asked is there until found missing."""

    def __init__(self, ready: Callable[[float], Awaitable[bool]]) -> None:
        """`ready` gets the seconds that it may take. Its `TimeoutError` is silence; any other error is a no."""
        self._ready = ready
        self._task: asyncio.Task[None] | None = None
        self.is_there = True

    def start(self) -> None:
        """Begin to ask. Must be called on the event loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        silent = 0
        while True:
            try:
                self.is_there = await self._ready(LOOK_SECONDS)
                silent = 0
            except TimeoutError:
                silent += 1
                if silent >= SILENT_LOOKS:
                    self.is_there = False
            except Exception:  # noqa: BLE001  whatever goes wrong, nothing would answer a request
                self.is_there = False
                silent = 0
            # Silence has taken its time already.
            await asyncio.sleep(0 if 0 < silent < SILENT_LOOKS else LOOK_SECONDS)
