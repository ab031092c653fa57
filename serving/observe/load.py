"""How busy this process is, for the autoscaler."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Load", "LoadMeter"]


@dataclass(frozen=True, slots=True)
class Load:
    """Means over a few seconds. `queue_seconds` is the time that requests waited for their batch."""

    in_flight: float
    queue_seconds: float


class LoadMeter:
    """The number of requests in flight, derived from `seconds`, the total duration of all requests so far.

    By Little's law, the growth of that total per second is the mean number of requests in flight.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._seen = seconds()
        self._looked = time.monotonic()

    def in_flight(self) -> float:
        """The mean since the last call."""
        spent, now = self._seconds(), time.monotonic()
        mean = (spent - self._seen) / max(now - self._looked, 1e-3)
        self._seen, self._looked = spent, now
        return mean
