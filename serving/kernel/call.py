"""What accompanies one request through every step."""

from __future__ import annotations

import time

import msgspec

__all__ = ["Call"]


class Call(msgspec.Struct, frozen=True, gc=False):
    """What accompanies one request through every step: who sent it, and its deadline."""

    request_id: str
    deadline: float
    """The time, by `time.monotonic()` in seconds, by which the answer has to be ready."""
    door: str = "local"
    trace_id: str = ""
    """The trace id of the caller's `traceparent` header; empty if it sent none."""
    client: str = ""
    """The client for whom the request counts in the fair queue."""
    urgency: int = 3
    """By RFC 9218: from 0, the most urgent, to 7."""

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.deadline - time.monotonic())
