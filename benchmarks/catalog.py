"""Every app trained on real data, one after another: seconds, and metrics beside the floors of plain models.

The whole story of `slipway train` with one worker, into a registry and a repository that are removed afterwards.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.floors import CASES, Case, data_folder, reaches
from benchmarks.report import VERDICTS
from control.commands.common import METRIC_COLUMNS, metric_row
from control.console import note, print_table
from serving.kernel.storage.version_manifest import Metric
from training.errors import TrainingError
from training.progress import Silent
from training.recipe import RecipeOptions
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, train

__all__ = ["GOAL_SECONDS", "Outcome", "main", "metric_rows", "step_row"]

GOAL_SECONDS = 15 * 60.0
"""For all apps together, on two cores."""
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
    """What came of one training."""

    case: Case
    seconds: float
    """From the request to the published version, imports of the recipe's libraries included."""
    steps: dict[str, float]
    metrics: tuple[Metric, ...] = ()
    refused: str = ""
    """Why there is no version; empty: there is one."""


def main() -> None:
    """Train every app and print two tables. Raises `BenchmarkError` without data."""
    folder = data_folder()
    before, outcomes = os.getloadavg()[0], []
    for case in CASES:
        outcome = _train(case, folder)
        outcomes.append(outcome)
        verdict = f"refused: {outcome.refused}" if outcome.refused else "published"
        note(f"{case.app} on {case.data}: {outcome.seconds:.0f} s, {verdict}")
    total = sum(outcome.seconds for outcome in outcomes)
    rows = [step_row(outcome) for outcome in outcomes]
    print_table(("app", "data", *STEPS, "all", "version"), rows, "seconds to train, one worker")
    note(
        f"{total:.0f} s for all; goal: under {GOAL_SECONDS:.0f} s: {VERDICTS[total < GOAL_SECONDS]}. "
        f"Load average {before:.1f} before and {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores"
    )
    columns = ("app", *METRIC_COLUMNS, "floor", "", "floor of")
    print_table(columns, metric_rows(outcomes), "metrics beside the floors of plain models")


def step_row(outcome: Outcome) -> tuple[str, ...]:
    """Seconds by step, of all, and whether there is a version."""
    steps = [sum(outcome.steps.get(name, 0.0) for name in names) for names in STEPS.values()]
    seconds = [f"{value:.0f}" for value in (*steps, outcome.seconds)]
    return (outcome.case.app, outcome.case.data, *seconds, "refused" if outcome.refused else "published")


def metric_rows(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    """One row per floor: the metric beside the naive baseline and the floor."""
    for outcome in outcomes:
        found = {(metric.name, metric.slice): metric for metric in outcome.metrics}
        for floor in outcome.case.floors:
            metric = found.get((floor.metric, floor.part))
            if metric is None:
                cells: tuple[str, ...] = (floor.metric, floor.part, *[""] * (len(METRIC_COLUMNS) - 2))
                yield (outcome.case.app, *cells, f"{floor.value:.4g}", "not measured", outcome.case.plain)
                continue
            verdict = VERDICTS[reaches(metric, floor.value)]
            yield (outcome.case.app, *metric_row(metric), f"{floor.value:.4g}", verdict, outcome.case.plain)


def _train(case: Case, data: Path) -> Outcome:
    started, progress = time.monotonic(), Silent()
    with tempfile.TemporaryDirectory(prefix="slipway-") as name:
        request = TrainRequest(
            app=case.app,
            paths=tuple(data / file for file in case.files),
            options=RecipeOptions(select=case.select),
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
    return Outcome(case=case, seconds=seconds, steps=dict(progress.times), metrics=metrics, refused=refused)
