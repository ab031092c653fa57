"""Compression: answers with gzip for clients that accept it, request bodies with gzip or deflate."""

from __future__ import annotations

import asyncio
import re
import zlib

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.edge.http.routes import REQUEST
from serving.edge.request_life import Request
from serving.kernel.errors import Malformed, TooLarge, UnsupportedMedia

__all__ = ["CompressAnswer", "DecompressBody"]

LEVEL = 1
"""Most of the gain for the least time: this runs in the loop that answers everybody."""
GZIP, ZLIB, BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
"""What a body is wrapped in. `deflate` is ZLIB by its standard (RFC 9110, 8.4.1.2); some clients send it BARE."""
CODINGS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}
SLICE = 2**18
"""Bytes that are decompressed at a time; between two slices others have their turn."""
NO_GZIP = re.compile(r"gzip\s*;\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$)", re.IGNORECASE)


class CompressAnswer(GZipMiddleware):
    """Starlette's own, for answers from `minimum_size` bytes on. Event streams are left as they are."""

    def __init__(self, app: ASGIApp, minimum_size: int) -> None:
        super().__init__(app, minimum_size, LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Starlette takes `gzip;q=0` for an acceptance, and is slow where there is none."""
        request: Request | None = scope.get(REQUEST)
        accepted = "" if request is None else request.header(b"accept-encoding") or ""
        if "gzip" in accepted and not NO_GZIP.search(accepted):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class DecompressBody:
    """Lets routes read a body that was sent with `content-encoding: gzip` or `deflate` as if it had not been."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Another coding is refused when the body is read, not before."""
        if scope["type"] == "http":
            request: Request = scope[REQUEST]
            coding = (request.header(b"content-encoding") or "").strip().lower()
            if coding not in ("", "identity"):
                receive = _DecompressedBody(request, coding, receive)
        await self._app(scope, receive, send)


class _DecompressedBody:
    """`receive` of one request with the parts of its body decompressed, a slice each."""

    def __init__(self, request: Request, coding: str, receive: Receive) -> None:
        self._request = request
        self._coding = coding
        self._receive = receive
        self._inflate = zlib.decompressobj(CODINGS.get(coding, GZIP))
        self._begun = False
        self._pending = b""
        self._more = True
        self._complete = False
        self._size = 0

    async def __call__(self) -> Message:
        if self._coding not in CODINGS:
            raise UnsupportedMedia(
                f"content-encoding: {self._coding[:32]!r} is not supported; "
                "send the body uncompressed, as gzip or as deflate"
            )
        if self._complete:
            return await self._receive()
        if self._pending:
            await asyncio.sleep(0)
        elif self._more:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            self._pending, self._more = message.get("body", b""), message.get("more_body", False)
        body = self._next_slice()
        self._complete = not self._more and not self._pending
        if self._complete and not self._inflate.eof:
            raise Malformed(f"content-encoding: the {self._coding} data of the body ends too early")
        return {"type": "http.request", "body": body, "more_body": not self._complete}

    def _next_slice(self) -> bytes:
        if self._inflate.eof and self._pending:
            if self._coding == "deflate":
                raise Malformed("content-encoding: bytes follow the deflate data of the body")
            # A gzip file may have several members, one after the other.
            self._inflate = zlib.decompressobj(GZIP)
        if not self._begun and self._pending:
            self._begun = True
            if self._coding == "deflate" and self._pending[0] & 0x0F != zlib.DEFLATED:
                self._inflate = zlib.decompressobj(BARE)
        try:
            body = self._inflate.decompress(self._pending, SLICE)
        except zlib.error as cause:
            raise Malformed(f"content-encoding: the body is not valid {self._coding} data") from cause
        self._pending = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        self._size += len(body)
        if self._size > self._request.max_body_bytes:
            raise TooLarge(
                f"the decompressed body has more than the {self._request.max_body_bytes} bytes that are allowed"
            )
        return body
