"""A transport that gathers writes, and that lingers instead of closing while the client still sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["JoinedWrites"]

LINGER_SECONDS = 2.0
"""How long a client may go on sending a body that nobody reads, so that it sees the answer before the end."""


class JoinedWrites:
    """Gathers writes until the loop's next turn. What is not defined here goes straight to the transport."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, unread: Callable[[], bool]
    ) -> None:
        """`unread` says whether a body has not arrived completely."""
        self._transport = transport
        self._loop = loop
        self._unread = unread
        self._lingering: asyncio.TimerHandle | None = None
        self.held: list[bytes] = []

    @property
    def ending(self) -> bool:
        """Whether nothing more is read or written."""
        return self._lingering is not None or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write in the loop's next turn, together with what else is written until then."""
        if not self.held:
            self._loop.call_soon(self.flush)
        self.held.append(data)

    def flush(self) -> None:
        """Write what is held."""
        held, self.held = self.held, []
        if held and not self._transport.is_closing():
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        """Close. Closing with unread bytes would reset the connection, and the client might lose the answer."""
        self.flush()
        if self.ending:
            return
        if self._unread():
            self.linger()
        else:
            self._transport.close()

    def linger(self) -> None:
        """Send no more, and read on for a moment what nobody wants."""
        self._transport.resume_reading()
        self._transport.write_eof()
        self._lingering = self._loop.call_later(LINGER_SECONDS, self._transport.abort)

    def lost(self) -> None:
        """The connection is closed."""
        if self._lingering is not None:
            self._lingering.cancel()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
