"""How long one version's batches take to run, estimated from the last ones."""

from __future__ import annotations

from collections import deque

__all__ = ["RunTimes"]

REMEMBERED = 8
"""The number of runs that an estimate is made from."""


class RunTimes:
    """The durations of the last runs, in seconds. Estimates need at least two runs."""

    __slots__ = ("_durations", "_ordered")

    def __init__(self) -> None:
        self._durations: deque[float] = deque(maxlen=REMEMBERED)
        self._ordered: list[float] | None = None

    def add(self, seconds: float) -> None:
        """Remember the duration of a run."""
        self._durations.append(seconds)
        self._ordered = None

    def known(self) -> bool:
        """Whether there were enough runs for an estimate."""
        return len(self._durations) > 1

    def usual(self) -> float:
        """The median; of two runs the shorter one."""
        ordered = self._sorted()
        return ordered[(len(ordered) - 1) // 2]

    def slow(self) -> float:
        """The second longest duration, so that a single slow run does not count."""
        return self._sorted()[-2]

    def _sorted(self) -> list[float]:
        # Under overload every request asks for it, but it changes only once per batch.
        if self._ordered is None:
            self._ordered = sorted(self._durations)
        return self._ordered
