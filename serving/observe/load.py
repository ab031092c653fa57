"""How busy this process is: what the autoscaler decides by."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Load", "LoadMeter"]


@dataclass(frozen=True, slots=True)
class Load:
    """Means over a few seconds. `queue_seconds` is how long requests waited for their batch."""

    in_flight: float
    queue_seconds: float


class LoadMeter:
    """Requests in flight, from the seconds that requests took: `seconds` gives their sum so far.

    By Little's law that sum grows, per second, by the mean number of requests in flight.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._seen = seconds()
        self._looked = time.monotonic()

    def in_flight(self) -> float:
        """Their mean since this was asked last."""
        spent, now = self._seconds(), time.monotonic()
        mean = (spent - self._seen) / max(now - self._looked, 1e-3)
        self._seen, self._looked = spent, now
        return mean
