"""The results of a search for parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["TrialResult", "Tuned", "best_of"]

State = Literal["finished", "pruned", "failed"]


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """A trial that ended. Trial 0 uses the default parameters."""

    number: int
    state: State
    """`pruned`: stopped early, because other trials had a lower loss after as many rounds."""
    params: dict[str, Any]
    value: float | None = None
    """The metric; None unless the trial finished."""
    cost: float | None = None
    """The value that the search minimizes: the metric, or its negative when higher is better."""
    rounds: int = 0
    seconds: float = 0.0
    ended: float = 0.0
    """Seconds since 1970."""
    reason: str = ""
    """Why the trial did not finish."""


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The result of a search."""

    metric: str
    """Name of the metric, with its slice."""
    best: int
    """Number of the best trial."""
    params: dict[str, Any]
    """The parameters of the best trial."""
    defaults: dict[str, Any]
    trials: tuple[TrialResult, ...]
    """Every trial that ended, by number."""
    folder: str
    """The folder with the state of the search. It is deleted once a version is registered."""

    def ranking(self) -> list[TrialResult]:
        """Finished trials, the best first."""
        return sorted((one for one in self.trials if one.cost is not None), key=_rank)


def best_of(trials: Iterable[TrialResult]) -> TrialResult | None:
    """The finished trial with the lowest cost, the earliest of equals; None when none finished."""
    finished: Sequence[TrialResult] = [one for one in trials if one.cost is not None]
    return min(finished, key=_rank, default=None)


def _rank(trial: TrialResult) -> tuple[float, int]:
    return (float("inf") if trial.cost is None else trial.cost, trial.number)
