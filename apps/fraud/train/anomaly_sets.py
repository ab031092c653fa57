"""Evaluate the fraud app on all seven anomaly sets: ranking compared with the floors, and quality of the alerts.

Each set runs from load to gate as in `slipway train`, with one worker. If the gate refuses a set, the tables list
it with the reason.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.fraud.train.recipe import recipe
from serving.kernel.storage.version_manifest import Check, Metric
from training.data import read, split
from training.data.validate import tidied, validate
from training.fit.trainer import Trainer
from training.floors.real_data import verdict
from training.measures import gate
from training.recipe import RecipeOptions

__all__ = ["ALERTS", "RANKING", "SETS", "AnomalySet", "Judged", "alert_row", "judge", "judge_all", "ranking_row"]

SEED = 7


@dataclass(frozen=True)
class AnomalySet:
    """A file of ADBench, with the AUROC of a plain autoencoder on its normal records and a published AUROC."""

    file: str
    plain: float
    published: float | None = None
    """Of IsolationForest."""


SETS = {
    "mammography": AnomalySet("23_mammography.npz", 0.885),
    "satellite": AnomalySet("30_satellite.npz", 0.795),
    "thyroid": AnomalySet("38_thyroid.npz", 0.977),
    "smtp": AnomalySet("34_smtp.npz", 0.90),
    "shuttle": AnomalySet("32_shuttle.npz", 0.9985, 0.997),
    "http": AnomalySet("16_http.npz", 0.999, 0.994),
    "campaign": AnomalySet("5_campaign.npz", 0.757, 0.736),
}
"""The seven sets. The published figures are semi-supervised, from table 1 of the DTE paper."""
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
    """Evaluation of one set after the gate."""

    name: str
    records: int
    metrics: dict[tuple[str, str], Metric]
    """Metrics by name and slice."""
    checks: tuple[Check, ...]
    seconds: float

    @property
    def refused(self) -> str:
        """Reason why the gate refused the set; empty if the gate passed."""
        return "; ".join(check.reason for check in self.checks if not check.passed)

    def value(self, name: str, part: str) -> float:
        """Return the metric's value. Raises `KeyError`."""
        return self.metrics[name, part].value


def judge_all(folder: Path) -> Iterator[Judged]:
    """Evaluate every set from its file in `folder`. Raises `TrainingError`."""
    with tempfile.TemporaryDirectory(prefix="slipway-") as home, Trainer(1, SEED, Path(home)) as trainer:
        for name, known in SETS.items():
            yield judge(name, [folder / known.file], trainer)


def judge(name: str, paths: Sequence[Path], trainer: Trainer) -> Judged:
    """Load, validate, split, fit, evaluate and check one set. Raises `TrainingError`."""
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
    """Return one row of the `RANKING` table."""
    floor = SETS[one.name]
    auroc, precision = (one.metrics[name, "all"] for name in ("auroc", "average_precision"))
    bars = [bar for bar in (floor.plain, floor.published) if bar is not None]
    return (
        *(one.name, str(one.records), *_beside(auroc), f"{floor.plain:.4g}"),
        verdict(all(auroc.value >= bar for bar in bars)),
        "" if floor.published is None else f"{floor.published:.4g}",
        *_beside(precision),
        one.refused or "passed",
    )


def alert_row(one: Judged) -> tuple[str, ...]:
    """Return one row of the `ALERTS` table."""
    shares: Iterable[tuple[str, str]] = (
        *(("prevalence", "all data"), ("prevalence", "test"), ("alert_budget", "normal records")),
        *(("false_alarms", "normal records"), ("recall", "alerts"), ("precision", "alerts")),
        *(("precision", "alerts, all data's prevalence"), ("precision", "as many alerts as anomalies")),
    )
    return (one.name, *(f"{one.value(*share):.4f}" for share in shares))


def _beside(metric: Metric) -> tuple[str, str, str]:
    gain = "" if metric.gain_low is None else f"{metric.gain_low:.3f} to {metric.gain_high:.3f}"
    return f"{metric.value:.4f}", f"{metric.baseline:.4f}", gain
