"""What travels with one request through every step."""

from __future__ import annotations

import time

import msgspec

__all__ = ["Call"]


class Call(msgspec.Struct, frozen=True, gc=False):
    """What travels with one request through every step: who asked, and by when the answer is of use."""

    request_id: str
    deadline: float
    """`time.monotonic()` seconds after which the answer is of no use."""
    door: str = "local"
    trace_id: str = ""
    """The trace id of the caller's `traceparent`, if it sent one."""
    client: str = ""
    """Whom the request counts for when clients share a queue fairly."""
    urgency: int = 3
    """RFC 9218: 0 is the most urgent, 7 the least."""

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.deadline - time.monotonic())
