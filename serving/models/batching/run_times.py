"""How long one version's runs take, going by its last ones."""

from __future__ import annotations

from collections import deque

__all__ = ["Pace"]

REMEMBERED = 8
"""Runs whose durations tell how long the next one will take."""


class Pace:
    """The durations of the last runs, in seconds. Nothing is known before the second run."""

    __slots__ = ("_durations", "_ordered")

    def __init__(self) -> None:
        self._durations: deque[float] = deque(maxlen=REMEMBERED)
        self._ordered: list[float] | None = None

    def add(self, seconds: float) -> None:
        """A run took so long."""
        self._durations.append(seconds)
        self._ordered = None

    def known(self) -> bool:
        """Whether there is something to go by."""
        return len(self._durations) > 1

    def usual(self) -> float:
        """What a run takes: the median, the shorter of two."""
        ordered = self._sorted()
        return ordered[(len(ordered) - 1) // 2]

    def slow(self) -> float:
        """What a run takes when it takes long. One long run among the last ones does not count."""
        return self._sorted()[-2]

    def _sorted(self) -> list[float]:
        # Asked for by each request of an overload, and changed once for each batch.
        if self._ordered is None:
            self._ordered = sorted(self._durations)
        return self._ordered
