"""Reading the body of a request, and noticing that the client has left."""

from __future__ import annotations

import asyncio
import re
from types import TracebackType

from starlette.types import Receive

from serving.kernel.errors import UnsupportedMedia

__all__ = [
    "UNREAD_BODY",
    "USUAL_TYPES",
    "WITH_BODY",
    "ClientGone",
    "DisconnectWatch",
    "check_media",
    "read_body",
    "read_part",
]

WITH_BODY = ("POST", "PUT")
"""Methods whose body is read; that of any other is ignored."""
UNREAD_BODY = "slipway.unread_body"
"""The extension of an ASGI scope that says whether the body has not arrived completely."""
PATIENCE = 0.02
"""Seconds a request may run before its client is watched: most are done by then and pay only for a timer."""
USUAL_TYPES = (None, b"application/json", b"application/octet-stream")
WRONG_TYPES = re.compile(
    r"(?:multipart|image|audio|video|font)/.*|text/(?:html|csv|xml)|"
    r"application/(?:xml|pdf|zip|gzip|protobuf|x-protobuf|grpc.*|msgpack|x-msgpack|yaml|x-ndjson)"
)


class ClientGone(Exception):
    """The client closed the connection before the answer."""


def check_media(content_type: bytes | None) -> None:
    """Refuse what is clearly not JSON or tensors. Raises `UnsupportedMedia`."""
    if content_type in USUAL_TYPES:
        return
    media, _, parameters = (content_type or b"").decode("latin-1").lower().partition(";")
    if WRONG_TYPES.fullmatch(media.strip()):
        raise UnsupportedMedia(
            f"content-type: {media.strip()[:64]!r} is not read here; "
            "allowed: application/json, application/octet-stream"
        )
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters)
    if charset and charset[1] not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise UnsupportedMedia(f"content-type: charset {charset[1][:32]!r} is not read here; allowed: utf-8")


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises `ClientGone`, and what `receive` raises: middleware limits size and time."""
    body, more = await read_part(receive)
    if not more:
        return body
    parts = [body]
    while more:
        body, more = await read_part(receive)
        parts.append(body)
    return b"".join(parts)


async def read_part(receive: Receive) -> tuple[bytes, bool]:
    """The next part of the body, and whether more follows. Raises `ClientGone`."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


class DisconnectWatch:
    """A context that a client cancels by leaving: it then ends with `ClientGone`.

    The body must have been read. Any other cancellation passes as it is.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._waiting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def __enter__(self) -> None:
        """Begin to watch after a little patience."""
        self._waiting = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching. Raises `ClientGone` where the watch itself has cancelled the task."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone and self._waiting is not None:
            self._waiting.uncancel()
            raise ClientGone from error

    def _look(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._waiting is not None:
            self._waiting.cancel()
