"""The record of a finished request, and who takes it."""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["CLIENT_GONE", "Observer", "RequestRecord"]

CLIENT_GONE = 499
"""Status in the record of a request that was cancelled, mostly by a client that left. It is never sent."""


class RequestRecord(msgspec.Struct, frozen=True, gc=False):
    """One finished request.

    `route` is the path's template or the gRPC method, so it has few values; `model` and `version` are empty and 0
    where the request did not get that far. `status` is the HTTP status, for gRPC that of the same error. `error`
    is the class name of the error, empty when there was none.
    """

    request_id: str
    door: str
    method: str
    route: str
    model: str
    version: int
    status: int
    seconds: float
    rows: int
    trace_id: str
    error: str
    ended: float
    """Seconds since 1970."""


class Observer(Protocol):
    """Counts and logs. Called on the event loop for every request, so it must be quick and never raise."""

    def started(self, door: str) -> None:
        """One request has come; `finished` follows, whatever happens."""
        ...

    def finished(self, record: RequestRecord) -> None:
        """One request is done."""
        ...
