"""Every app trained on real data, one after another: seconds, and metrics beside the floors of plain models.

Each training is the whole story of `slipway train` with one worker, into a temporary registry and model
repository.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.kernel.storage.version_manifest import Metric
from training import find_recipe
from training.errors import TrainingError
from training.floors.real_data import reaches, verdict
from training.progress import Silent
from training.recipe import RealData, RecipeOptions
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, train

__all__ = ["STEPS", "Compared", "Outcome", "compared", "step_row", "train_all"]

STEPS = {
    "load, validate, split": ("load", "validate", "split"),
    "fit": ("fit",),
    "evaluate, gate": ("evaluate", "gate"),
    "export, parity": ("export", "parity"),
    "register, publish": ("register", "publish"),
}
"""Column of the table -> steps of the pipeline."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one training."""

    app: str
    data: RealData
    seconds: float
    """From the request to the published version, imports of the recipe's libraries included."""
    steps: dict[str, float]
    metrics: tuple[Metric, ...] = ()
    refused: str = ""
    """The reason why there is no version; empty: there is one."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A metric beside its floor; the metric is None where it was not measured."""

    app: str
    name: str
    part: str
    metric: Metric | None
    floor: float
    plain: str

    @property
    def verdict(self) -> str:
        """The verdict as tables show it."""
        return "not measured" if self.metric is None else verdict(reaches(self.metric, self.floor))


def train_all(folder: Path) -> Iterator[Outcome]:
    """Train every app that has real data, found below `folder`."""
    for name in find_recipe.names():
        data = find_recipe.find(name).real_data
        if data is not None:
            yield _train(name, data, folder)


def step_row(outcome: Outcome) -> tuple[str, ...]:
    """Seconds of the groups of steps and of all, and whether there is a version."""
    steps = [sum(outcome.steps.get(name, 0.0) for name in names) for names in STEPS.values()]
    seconds = [f"{value:.0f}" for value in (*steps, outcome.seconds)]
    return (outcome.app, outcome.data.name, *seconds, "refused" if outcome.refused else "published")


def compared(outcomes: Sequence[Outcome]) -> Iterator[Compared]:
    """Every floor with the metric that has to reach it."""
    for outcome in outcomes:
        found = {(metric.name, metric.slice): metric for metric in outcome.metrics}
        for floor in outcome.data.floors:
            yield Compared(
                app=outcome.app,
                name=floor.metric,
                part=floor.part,
                metric=found.get((floor.metric, floor.part)),
                floor=floor.value,
                plain=outcome.data.plain,
            )


def _train(app: str, data: RealData, folder: Path) -> Outcome:
    started, progress = time.monotonic(), Silent()
    with tempfile.TemporaryDirectory(prefix="slipway-") as name:
        request = TrainRequest(
            app=app,
            paths=tuple(folder / file for file in data.files),
            options=RecipeOptions(select=data.select),
            repository=Path(name) / "repository",
            home=Path(name),
        )
        metrics: tuple[Metric, ...] = ()
        refused = ""
        try:
            metrics = train(request, Registry(f"sqlite:///{name}/mlflow.db"), progress).metrics
        except TrainingError as error:
            refused = str(error)
        seconds = time.monotonic() - started
    return Outcome(
        app=app, data=data, seconds=seconds, steps=dict(progress.times), metrics=metrics, refused=refused
    )
