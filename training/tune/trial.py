"""One trial: the recipe's fit and evaluation in this process, and the reports on its progress."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.kernel.storage.version_manifest import Metric
from training.errors import TuneError
from training.fit.trainer import Trainer
from training.recipe import Evaluation, Recipe, Split

__all__ = ["Task", "TrialTrainer", "objective", "run_trial"]

OnProgress = Callable[[float, float], None]
"""Called with the percentage of finished rounds and the loss on validation; lower is better."""
LARGER = ("auc", "aucpr", "map", "ndcg", "pre")
"""Metrics of XGBoost for which higher is better."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all trials of a search share. It is sent to their processes."""

    recipe: Recipe[Any]
    split: Split
    """The split of the rows before the test part."""
    seed: int
    threads: int
    """The number of cores for one trial."""
    allowed: tuple[str, ...] = ()
    """Columns that may look like leaks."""


class TrialTrainer(Trainer):
    """Fits in this process, with the code of Ray Train's workers, and reports the rounds of the first fit."""

    def __init__(self, seed: int, threads: int, params: Mapping[str, Any], on_progress: OnProgress) -> None:
        super().__init__(1, seed, Path(os.devnull), params=params)
        self.threads = threads
        self.on_progress = on_progress
        self.rounds = 0
        """Finished rounds, of all fits."""
        self._fits = 0

    def _fits_here(self) -> bool:
        """Always: a trial already has its own process."""
        return True

    def _on_round(self, config: Mapping[str, Any]) -> Callable[[int, float], None]:
        self._fits += 1
        # Trials are compared by the losses of their first fit; those of a second fit do not compare.
        first = self._fits == 1
        sign = -1 if str(config["metric"]).partition("@")[0] in LARGER else 1

        def on_round(done: int, loss: float) -> None:
            self.rounds += 1
            if first and done % config["frequency"] == 0 and math.isfinite(loss):
                self.on_progress(100 * done / config["rounds"], sign * loss)

        return on_round

    def _threads(self) -> dict[str, int]:
        return {"nthread": self.threads}


def run_trial(config: dict[str, Any], task: Task) -> dict[str, Any]:
    """Fit and evaluate with `config["params"]`; returns `value` (the metric), `cost` (lower is better), `rounds`.

    Runs in a process of Ray Tune, which may end it at any report. For a trial that fails it returns `error`.
    """
    from ray import tune

    def report(percent: float, loss: float) -> None:
        tune.report({"percent": percent, "loss": loss, "rounds": trainer.rounds})

    trainer = TrialTrainer(task.seed, task.threads, config["params"], report)
    trainer.watch(task.recipe.app.feature_names, task.allowed, list(map(str, task.split.train.columns)))
    # Tables from Ray's object store are read-only, but recipes may write to theirs.
    own = {name: getattr(task.split, name).copy() for name in ("train", "validation", "test")}
    split = Split(**own, description=task.split.description)
    try:
        metric = objective(task.recipe, task.recipe.evaluate(task.recipe.fit(split, trainer), split))
    except Exception as cause:  # noqa: BLE001 - the edge of the trial's process; the search continues without it
        return {"error": f"{type(cause).__name__}: {cause}".splitlines()[0][:300]}
    cost = -metric.value if metric.better == "higher" else metric.value
    return {"value": metric.value, "cost": cost, "rounds": trainer.rounds}


def objective(recipe: Recipe[Any], evaluation: Evaluation) -> Metric:
    """The metric that a search optimizes. Raises `TuneError` when it is missing, not finite or `nominal`."""
    name, part = recipe.objective
    found = [metric for metric in evaluation.metrics if metric.name == name and part in ("", metric.slice)]
    shown = f"{name} ({part})" if part else name
    if not found:
        raise TuneError(f"the evaluation has no metric {shown}; correct the recipe's `objective`")
    if found[-1].better not in ("lower", "higher"):
        raise TuneError(f"{shown}: `better` must be lower or higher for a search, not {found[-1].better!r}")
    if not math.isfinite(found[-1].value):
        raise TuneError(f"{shown} is {found[-1].value}, not a finite number")
    return found[-1]
