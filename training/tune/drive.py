"""Ray Tune with the study as its searcher: trials side by side, bad ones stopped early, a time budget."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optuna.trial import Trial
from ray import tune
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.search import Searcher

from training.registry.tuning_results import TrialResult
from training.tune.study import Study
from training.tune.trial import Task, run_trial

__all__ = ["drive"]

GRACE = 20
"""Percent of its rounds that every trial may do; then at 40 and 80 the worse half ends."""


class StudySearcher(Searcher):  # type: ignore[misc]
    """Gives Tune the study's trials and the study what became of them."""

    def __init__(self, study: Study, most: int, on_end: Callable[[TrialResult], None]) -> None:
        super().__init__(metric="cost", mode="min")
        self.study = study
        self.most = most
        self.on_end = on_end
        self.running: dict[str, tuple[Trial, float]] = {}
        self.failure: Exception | None = None
        """What went wrong at the end of a trial."""

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """The next trial's number and parameters."""
        trial = self.study.propose(self.most)
        if trial is None:
            return str(Searcher.FINISHED)
        self.running[trial_id] = trial, time.monotonic()
        return {"number": trial.number, "params": dict(trial.params)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: the scheduler looks at these."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Keep the result; `error` is the death of the trial's process."""
        if self.failure is not None:
            # Tune takes what was raised here for a failure of the trial, and tells of that too.
            raise self.failure
        trial, start = self.running.pop(trial_id)
        found = {"error": "its process died"} if error else result or {}
        try:
            self.on_end(self.study.close(trial, found, time.monotonic() - start))
        except Exception as cause:  # Tune hides what a callback raises, so it is kept
            self.failure = cause
            raise

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles what it is given, for a resume that is not used."""
        return {}

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing: the study is on disk."""


class Patience(ASHAScheduler):  # type: ignore[misc]
    """ASHA that lets trial 0, the defaults, run to its end."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Whether the trial goes on."""
        decision: str = super().on_trial_result(tune_controller, trial, result)
        return decision if trial.config["number"] else TrialScheduler.CONTINUE


def drive(
    study: Study,
    task: Task,
    most: int,
    minutes: float | None,
    workers: int,
    folder: Path,
    on_end: Callable[[TrialResult], None],
) -> None:
    """Run trials on the Ray this process is connected to, `workers` at a time, until `most` have ended.

    Ends after so many `minutes` at the latest; trials that this cuts off stay begun. `on_end` is called in this
    process for every trial that ends; what it raises ends the search. Tune's own files go to `folder`.
    """
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    scheduler = Patience(
        time_attr="percent", metric="loss", mode="min", max_t=101, grace_period=GRACE, reduction_factor=2
    )
    searcher = StudySearcher(study, most, on_end)
    tuner = tune.Tuner(
        tune.with_parameters(run_trial, task=task),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=most,
            max_concurrent_trials=workers,
            time_budget_s=None if minutes is None else minutes * 60,
            reuse_actors=True,
            trial_name_creator=_name,
            trial_dirname_creator=_name,
        ),
        run_config=tune.RunConfig(name="search", storage_path=str(folder), verbose=0),
    )
    try:
        tuner.fit()
    except tune.TuneError:
        # Tune has but the text of what was raised at the end of a trial.
        if searcher.failure is None:
            raise
    if searcher.failure is not None:
        raise searcher.failure


def _name(trial: Any) -> str:
    return f"trial-{trial.trial_id}"
