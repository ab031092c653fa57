"""How many requests a key may send: a rate for each minute and a quota for each day, counted in this process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import msgspec

from serving.kernel.errors import TooManyRequests

__all__ = ["Limits", "Meter"]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most requests of a key; 0: no limit. Raises `ValueError` for negative numbers."""

    per_minute: int = 0
    per_day: int = 0

    def __post_init__(self) -> None:
        if min(self.per_minute, self.per_day) < 0:
            raise ValueError("limits must not be negative; 0 is no limit")


class Meter:
    """Counts the requests of one key. A window begins with the first request after the last one has ended."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        sizes = (("minute", 60, limits.per_minute), ("day", 86_400, limits.per_day))
        self._windows = [_Window(name, seconds, most) for name, seconds, most in sizes if most]
        self._policy = ", ".join(f'"{one.name}";q={one.most};w={one.seconds}' for one in self._windows)

    def take(self) -> None:
        """Count one request. Raises `TooManyRequests`, which is not counted."""
        now = self._clock()
        for window in self._windows:
            if window.left(now) <= 0:
                raise TooManyRequests(
                    f"the key may send {window.most} requests a {window.name}", window.seconds_left(now)
                )
        for window in self._windows:
            window.count += 1

    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit`, as the IETF's draft 10 has them."""
        now = self._clock()
        state = (f'"{one.name}";r={one.left(now)};t={one.seconds_left(now)}' for one in self._windows)
        return {"ratelimit-policy": self._policy, "ratelimit": ", ".join(state)}


class _Window:
    __slots__ = ("began", "count", "most", "name", "seconds")

    def __init__(self, name: str, seconds: int, most: int) -> None:
        self.name, self.seconds, self.most = name, seconds, most
        self.began, self.count = float("-inf"), 0

    def left(self, now: float) -> int:
        """How many more are allowed; begins a new window if the last one has ended."""
        if now - self.began >= self.seconds:
            self.began, self.count = now, 0
        return self.most - self.count

    def seconds_left(self, now: float) -> int:
        """Until the window ends, rounded up."""
        return max(1, math.ceil(self.began + self.seconds - now))
