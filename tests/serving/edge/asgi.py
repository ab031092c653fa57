"""An ASGI application asked without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message


class Asked:
    """One request to an application: what comes in, and what it sent."""

    def __init__(self, *parts: bytes | str, method: str = "POST", path: str = "/", **headers: str) -> None:
        """`parts` are those of the body; a string is another message's type. After the last one nothing comes."""
        self.sent: list[Message] = []
        self._parts = list(parts)
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "client": ("10.0.0.7", 5),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }

    async def receive(self) -> Message:
        if not self._parts:
            await asyncio.sleep(60)
        part = self._parts.pop(0)
        if isinstance(part, str):
            return {"type": part}
        return {"type": "http.request", "body": part, "more_body": bool(self._parts)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def of(self, app: ASGIApp) -> Asked:
        await app(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])
