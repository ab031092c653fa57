"""httpx transports over httpcore pools whose streams are those of `streams`.

httpx's own transports do not let a caller choose the streams.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from slipway_client.core.options import MAX_CONNECTIONS
from slipway_client.transport.streams import AsyncBackend, Backend

__all__ = ["AsyncPool", "Pool"]

IDLE_SECONDS = 30.0
"""An idle connection is used again for so long; a gateway closes it after 75 s."""


class Pool(httpx.BaseTransport):
    """At most `most` connections, which are used again until they are `age` seconds old."""

    def __init__(self, context: ssl.SSLContext | None, age: float, most: int = MAX_CONNECTIONS) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=most,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=Backend(age),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`."""
        with _as_httpx(request):
            found = self._pool.handle_request(_request(request))
        return httpx.Response(found.status, headers=found.headers, stream=_Body(found.stream, request))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class AsyncPool(httpx.AsyncBaseTransport):
    """The same for asyncio."""

    def __init__(self, context: ssl.SSLContext | None, age: float, most: int = MAX_CONNECTIONS) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=most,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=AsyncBackend(age),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        with _as_httpx(request):
            found = await self._pool.handle_async_request(_request(request))
        return httpx.Response(found.status, headers=found.headers, stream=_AsyncBody(found.stream, request))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.SyncByteStream):
    def __init__(self, inner: Any, request: httpx.Request) -> None:
        self._inner = inner
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx(self._request):
            yield from self._inner

    def close(self) -> None:
        self._inner.close()


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, inner: Any, request: httpx.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for part in self._inner:
                yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


def _request(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """Raise httpcore's errors as those of the same name in httpx."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as cause:
        kind: type[httpx.TransportError] = getattr(httpx, type(cause).__name__)
        raise kind(str(cause), request=request) from cause
