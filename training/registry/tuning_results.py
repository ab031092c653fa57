"""What a search has to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["TrialResult", "Tuned", "best_of"]

State = Literal["finished", "pruned", "failed"]


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """A trial that has ended. Number 0 is that of the defaults."""

    number: int
    state: State
    """`pruned`: ended early, as others had less loss after as many rounds."""
    params: dict[str, Any]
    value: float | None = None
    """The metric; only of a trial that finished."""
    cost: float | None = None
    """What the search makes small: the metric, or its negative where more is better."""
    rounds: int = 0
    seconds: float = 0.0
    ended: float = 0.0
    """Seconds since 1970."""
    reason: str = ""
    """Why it did not finish."""


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """A search that found something."""

    metric: str
    """Name of the metric, with its slice."""
    best: int
    """Number of the best trial."""
    params: dict[str, Any]
    """Of the best trial."""
    defaults: dict[str, Any]
    trials: tuple[TrialResult, ...]
    """All that ended, by number."""
    folder: str
    """Where the search is kept until a version came of it."""

    def ranking(self) -> list[TrialResult]:
        """Finished trials, the best first."""
        return sorted((one for one in self.trials if one.cost is not None), key=_rank)


def best_of(trials: Iterable[TrialResult]) -> TrialResult | None:
    """The finished trial of the least cost, the earliest of equals; None without one."""
    finished: Sequence[TrialResult] = [one for one in trials if one.cost is not None]
    return min(finished, key=_rank, default=None)


def _rank(trial: TrialResult) -> tuple[float, int]:
    return (float("inf") if trial.cost is None else trial.cost, trial.number)
