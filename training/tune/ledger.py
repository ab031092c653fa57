"""Trials in the registry: each is logged once, even when processes are killed or the registry is down."""

from __future__ import annotations

from collections.abc import Iterable

from training.errors import RegistryError
from training.progress import Progress
from training.registry.mlflow_registry import Registry
from training.registry.tuning_results import TrialResult

__all__ = ["Ledger"]


class Ledger:
    """Logs the trials of a search as runs below `parent`. Trials that an earlier process logged move there."""

    def __init__(self, registry: Registry, app: str, search: str, parent: str, metric: str) -> None:
        self.registry = registry
        self.app = app
        self.search = search
        self.parent = parent
        self.metric = metric
        self.logged = registry.adopt_trials(app, search, parent)
        self._down = False

    def write(self, trial: TrialResult, progress: Progress) -> None:
        """Log a trial now. Once the registry fails, this reports it, and leaves later trials to `complete`."""
        if self._down:
            return
        try:
            self._log(trial)
        except RegistryError as cause:
            self._down = True
            progress.log(f"{cause}. The search continues; its trials are logged at the end")

    def complete(self, trials: Iterable[TrialResult]) -> None:
        """Log the trials that are not logged yet. Raises `RegistryError`; the same command then tries again."""
        missing = [trial for trial in trials if trial.number not in self.logged]
        for done, trial in enumerate(missing):
            try:
                self._log(trial)
            except RegistryError as cause:
                left = len(missing) - done
                raise RegistryError(
                    f"{left} trials could not be logged; they are kept, and the same command logs them: {cause}"
                ) from cause

    def _log(self, trial: TrialResult) -> None:
        self.registry.log_trial(self.app, self.search, self.parent, trial, self.metric)
        self.logged.add(trial.number)
