"""One trial: the recipe's own fit and evaluation in this process, and what is told of it on the way."""

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

Tell = Callable[[float, float], None]
"""Told how far a fit is, in percent of its rounds, and its loss on validation; less is better."""
LARGER = ("auc", "aucpr", "map", "ndcg", "pre")
"""Metrics of XGBoost of which more is better."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all trials of a search share; travels to their processes."""

    recipe: Recipe[Any]
    split: Split
    """Of the rows before the test part."""
    seed: int
    threads: int
    """Cores that one trial may use."""


class TrialTrainer(Trainer):
    """Fits in this process, by the code that runs in Ray Train's workers, and tells of the first fit's rounds."""

    def __init__(self, seed: int, threads: int, params: Mapping[str, Any], tell: Tell) -> None:
        super().__init__(1, seed, Path(os.devnull), params=params)
        self.threads = threads
        self.tell = tell
        self.rounds = 0
        """Done in all fits."""
        self._fits = 0

    def _alone(self) -> bool:
        """A trial is one process of Ray Tune's."""
        return True

    def _told(self, config: Mapping[str, Any]) -> Callable[[int, float], None]:
        self._fits += 1
        # The losses of a second fit say nothing beside those of the first, by which trials are compared.
        first = self._fits == 1
        sign = -1 if str(config["metric"]).partition("@")[0] in LARGER else 1

        def told(done: int, loss: float) -> None:
            self.rounds += 1
            if first and done % config["frequency"] == 0 and math.isfinite(loss):
                self.tell(100 * done / config["rounds"], sign * loss)

        return told

    def _threads(self) -> dict[str, int]:
        return {"nthread": self.threads}


def run_trial(config: dict[str, Any], task: Task) -> dict[str, Any]:
    """Fit and evaluate with `config["params"]`; returns `value` (the metric), `cost` (less is better), `rounds`.

    Runs in a process of Ray Tune, which may end it at any report. Of a trial that fails it returns the `error`.
    """
    from ray import tune

    def tell(percent: float, loss: float) -> None:
        tune.report({"percent": percent, "loss": loss, "rounds": trainer.rounds})

    trainer = TrialTrainer(task.seed, task.threads, config["params"], tell)
    # What comes out of Ray's object store cannot be written to; recipes have always had frames that can.
    own = {name: getattr(task.split, name).copy() for name in ("train", "validation", "test")}
    split = Split(**own, description=task.split.description)
    try:
        metric = objective(task.recipe, task.recipe.evaluate(task.recipe.fit(split, trainer), split))
    except Exception as cause:  # noqa: BLE001 - the edge of the trial's process: the search goes on without it
        return {"error": f"{type(cause).__name__}: {cause}".splitlines()[0][:300]}
    cost = -metric.value if metric.better == "higher" else metric.value
    return {"value": metric.value, "cost": cost, "rounds": trainer.rounds}


def objective(recipe: Recipe[Any], evaluation: Evaluation) -> Metric:
    """The metric a search goes by. Raises `TuneError` when it is not there, not finite or has no better side."""
    name, part = recipe.objective
    found = [metric for metric in evaluation.metrics if metric.name == name and part in ("", metric.slice)]
    shown = f"{name} ({part})" if part else name
    if not found:
        raise TuneError(f"the evaluation has no metric {shown}, which the search goes by")
    if found[-1].better not in ("lower", "higher"):
        raise TuneError(f"{shown}: {found[-1].better!r} says not whether less or more is better")
    if not math.isfinite(found[-1].value):
        raise TuneError(f"{shown} is {found[-1].value}")
    return found[-1]
