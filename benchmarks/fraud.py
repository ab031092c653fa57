"""The fraud app on all seven anomaly sets: ranking beside the floors, and what its alerts are worth.

Load to gate as `slipway train` does it, one worker; a set whose gate says no is in the tables with the reason.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.fraud.train.recipe import recipe
from benchmarks.floors import FRAUD, data_folder
from benchmarks.report import VERDICTS
from control.console import note, print_table
from serving.kernel.storage.version_manifest import Check, Metric
from training.data import read, split
from training.data.validate import tidied, validate
from training.fit.trainer import Trainer
from training.measures import gate
from training.recipe import RecipeOptions

__all__ = ["Judged", "alert_row", "judge", "main", "ranking_row"]

SEED = 7
RANKING = (
    "set",
    "records",
    "AUROC",
    "naive",
    "gain, 95 %",
    "floor",
    "",
    "IForest",
    "AP",
    "naive",
    "gain, 95 %",
    "gate",
)
ALERTS = (
    *("set", "anomalies, all data", "in the test part", "alert budget", "false alarms, test", "recall"),
    *("precision, test", "precision, all data's prevalence", "as many alerts as anomalies"),
)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One set after its gate."""

    name: str
    records: int
    metrics: dict[tuple[str, str], Metric]
    """By name and slice."""
    checks: tuple[Check, ...]
    seconds: float

    @property
    def refused(self) -> str:
        """Why the gate says no; empty where it does not."""
        return "; ".join(check.reason for check in self.checks if not check.passed)

    def value(self, name: str, part: str) -> float:
        """The metric's value. Raises `KeyError`."""
        return self.metrics[name, part].value


def main() -> None:
    """Print two tables. Raises `BenchmarkError` without data."""
    folder = data_folder() / "fraud"
    found = []
    with tempfile.TemporaryDirectory(prefix="slipway-") as home, Trainer(1, SEED, Path(home)) as trainer:
        for name, floor in FRAUD.items():
            one = judge(name, [folder / floor.file], trainer)
            note(f"{name}: {one.seconds:.0f} s; {one.refused or 'passes its gate'}")
            found.append(one)
    print_table(RANKING, map(ranking_row, found), "ranking, test part; naive: the distance from the median")
    print_table(ALERTS, map(alert_row, found), "alerts (HIGH), at a threshold from normal records of validation")


def judge(name: str, paths: Sequence[Path], trainer: Trainer) -> Judged:
    """Load, validate, split, fit, evaluate, gate. Raises `TrainingError`."""
    started = time.monotonic()
    dataset = read.from_files(paths)
    tidy = validate(recipe, tidied(recipe, dataset, RecipeOptions()), dataset)
    parts = split.check(recipe.split(tidy), recipe.time_column)
    evaluation = recipe.evaluate(recipe.fit(parts, trainer), parts)
    return Judged(
        name=name,
        records=len(tidy),
        metrics={(metric.name, metric.slice): metric for metric in evaluation.metrics},
        checks=gate.judge(recipe, tidy, evaluation),
        seconds=time.monotonic() - started,
    )


def ranking_row(one: Judged) -> tuple[str, ...]:
    """Cells under `RANKING`."""
    floor = FRAUD[one.name]
    auroc, precision = (one.metrics[name, "all"] for name in ("auroc", "average_precision"))
    bars = [bar for bar in (floor.plain, floor.published) if bar is not None]
    return (
        *(one.name, str(one.records), *_beside(auroc), f"{floor.plain:.4g}"),
        VERDICTS[all(auroc.value >= bar for bar in bars)],
        "" if floor.published is None else f"{floor.published:.4g}",
        *_beside(precision),
        one.refused or "passed",
    )


def alert_row(one: Judged) -> tuple[str, ...]:
    """Cells under `ALERTS`."""
    shares: Iterable[tuple[str, str]] = (
        *(("prevalence", "all data"), ("prevalence", "test"), ("alert_budget", "normal records")),
        *(("false_alarms", "normal records"), ("recall", "alerts"), ("precision", "alerts")),
        *(("precision", "alerts, all data's prevalence"), ("precision", "as many alerts as anomalies")),
    )
    return (one.name, *(f"{one.value(*share):.4f}" for share in shares))


def _beside(metric: Metric) -> tuple[str, str, str]:
    gain = "" if metric.gain_low is None else f"{metric.gain_low:.3f} to {metric.gain_high:.3f}"
    return f"{metric.value:.4f}", f"{metric.baseline:.4f}", gain
