"""Network streams for httpcore that keep to a deadline and say when their connection is too old to be used again.

httpx limits each read, so a server that sends a byte a second could hold a caller for ever. Here all reads and
writes of a request share the time that is left. The asynchronous client has `asyncio.timeout` for that.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore

__all__ = ["AsyncBackend", "Backend", "deadline"]

_ENDS: ContextVar[float | None] = ContextVar("ends", default=None)
PIECE = 2**18
"""Bytes that are written with one look at the clock."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """All reads and writes of this thread within the block must end in time."""
    token = _ENDS.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ENDS.reset(token)


def _left(error: type[Exception]) -> float | None:
    """Seconds until the deadline, if there is one. Raises `error` when it has passed."""
    ends = _ENDS.get()
    if ends is None:
        return None
    left = ends - time.monotonic()
    if left <= 0:
        raise error("the time for the request is over")
    return left


@dataclass(frozen=True, slots=True)
class _Life:
    """When a connection becomes too old, and the process that opened it."""

    ends: float
    process: int


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, life: _Life) -> None:
        self._inner = inner
        self._life = life

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(httpcore.ReadTimeout) or timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE):
            self._inner.write(buffer[start : start + PIECE], _left(httpcore.WriteTimeout) or timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(httpcore.ConnectTimeout) or timeout
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._life)

    def get_extra_info(self, info: str) -> Any:
        return _is_old(info, self._life) or self._inner.get_extra_info(info)


class Backend(httpcore.NetworkBackend):
    """Opens connections that are used again for `age` seconds."""

    def __init__(self, age: float) -> None:
        self._age = age
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """See `httpcore.NetworkBackend`."""
        left = _left(httpcore.ConnectTimeout) or timeout
        made = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(made, _begin(self._age))


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream, life: _Life) -> None:
        self._inner = inner
        self._life = life

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._inner.start_tls(ssl_context, server_hostname, timeout), self._life)

    def get_extra_info(self, info: str) -> Any:
        return _is_old(info, self._life) or self._inner.get_extra_info(info)


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """The same for asyncio."""

    def __init__(self, age: float) -> None:
        self._age = age
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See `httpcore.AsyncNetworkBackend`."""
        made = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _AsyncStream(made, _begin(self._age))


def _begin(age: float) -> _Life:
    return _Life(time.monotonic() + age, os.getpid())


def _is_old(info: str, life: _Life) -> bool:
    """Whether httpcore asks if an idle connection may be used again, and it may not.

    An idle connection with something to read is one that the server has closed, so httpcore opens another. After a
    fork, both processes have the connection, and each would read answers to questions of the other.
    """
    return info == "is_readable" and (time.monotonic() >= life.ends or os.getpid() != life.process)
