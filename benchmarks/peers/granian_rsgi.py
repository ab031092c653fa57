"""The same handler as `rawasgi`, as an RSGI application on granian."""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks.peers.model import Model
from benchmarks.peers.rawasgi import Greedy

__all__ = ["app"]

greedy: Greedy | None = None


async def app(scope: Any, protocol: Any) -> None:
    """Answer `{"x": [...]}` with `{"e": ...}` on every path."""
    global greedy
    greedy = greedy or Greedy(Model())
    error = await greedy.submit(orjson.loads(await protocol()))
    protocol.response_bytes(200, [("content-type", "application/json")], b'{"e":%.9g}' % error)
