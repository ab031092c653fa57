"""Whether Triton answers for a version, asked every second: readiness may not wait for requests to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["Presence"]

LOOK_SECONDS = 1.0
"""Between two questions, and how long an answer may take."""


class Presence:
    """Asks `ready` every second from `start` to `stop`. A version is there until it is found missing."""

    def __init__(self, ready: Callable[[float], Awaitable[bool]]) -> None:
        """`ready` gets the seconds that it may take; an error is a no."""
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
        while True:
            try:
                self.is_there = await self._ready(LOOK_SECONDS)
            except Exception:  # noqa: BLE001  whatever goes wrong, nothing would answer a request
                self.is_there = False
            await asyncio.sleep(LOOK_SECONDS)
