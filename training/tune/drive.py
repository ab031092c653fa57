"""Ray Tune with the study as its searcher: parallel trials, early stopping of bad ones, a time budget."""

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
"""Percent of the rounds after which the worse half of the trials ends; again at 40 and 80."""


class StudySearcher(Searcher):  # type: ignore[misc]
    """Passes the study's trials to Tune, and their results back to the study."""

    def __init__(self, study: Study, most: int, on_end: Callable[[TrialResult], None]) -> None:
        super().__init__(metric="cost", mode="min")
        self.study = study
        self.most = most
        self.on_end = on_end
        self.running: dict[str, tuple[Trial, float]] = {}
        self.failure: Exception | None = None
        """The error raised at the end of a trial."""

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """The number and parameters of the next trial."""
        trial = self.study.propose(self.most)
        if trial is None:
            return str(Searcher.FINISHED)
        self.running[trial_id] = trial, time.monotonic()
        return {"number": trial.number, "params": dict(trial.params)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Do nothing: the scheduler handles these."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Close the trial in the study. `error` means that its process died."""
        if self.failure is not None:
            # Tune treats an error raised here as a failure of the trial, and calls this again for it.
            raise self.failure
        trial, start = self.running.pop(trial_id)
        found = {"error": "its process died"} if error else result or {}
        try:
            self.on_end(self.study.close(trial, found, time.monotonic() - start))
        except Exception as cause:  # Tune would swallow it: `drive` raises it again
            self.failure = cause
            raise

    def __getstate__(self) -> dict[str, Any]:
        """No state: Tune pickles the searcher for its own resume, which is not used."""
        return {}

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Do nothing: the study is on disk."""


class Patience(ASHAScheduler):  # type: ignore[misc]
    """ASHA, except that trial 0 (the defaults) always runs to its end."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Whether the trial continues."""
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
    """Run trials on the connected Ray, `workers` at a time, until `most` have ended or the time is over.

    Trials that are cut off after `minutes` stay open in the study. `on_end` is called in this process for every
    trial that ends; an error that it raises ends the search. Tune's own files go to `folder`.
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
        # For an error at the end of a trial, Tune has only its text; `failure` has the error itself.
        if searcher.failure is None:
            raise
    if searcher.failure is not None:
        raise searcher.failure


def _name(trial: Any) -> str:
    return f"trial-{trial.trial_id}"
