"""Metrics of a version compared with the rule, by day and by group of students; and the gate's checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.struggle.schema import DAYS
from apps.struggle.serve.decide import OUTPUTS
from apps.struggle.train.data import GROUPS
from serving.kernel.storage.version_manifest import Check, Metric
from serving.kernel.tensors import Arrays
from training.errors import DataError
from training.measures import classification
from training.measures.evaluate import beside
from training.measures.evaluation_rows import keyed
from training.measures.gate import beats, verdict
from training.recipe import Evaluation

__all__ = ["evaluation", "gate", "judged", "named"]

RESAMPLES = 200
LEAST_ROWS = 50
MOST_OFF = 0.08
"""Maximum mean distance between stated probability and observed share."""

Vector = npt.NDArray[Any]
Measure = Callable[[Vector, Vector], float]


def judged(part: pd.DataFrame, model: Arrays, baseline: Arrays) -> pd.DataFrame:
    """Return, per test row, the outcome, the model's and the rule's probability and flag, the day and groups."""
    _, probability, threshold = OUTPUTS
    columns = {"actual": part["struggles"].to_numpy(), "student": part["student"].to_numpy()}
    for name, outputs in (("predicted", model), ("baseline", baseline)):
        columns[name] = outputs[probability][:, 0].astype(np.float64)
        columns[f"{name}_flag"] = (outputs[probability] >= outputs[threshold])[:, 0].astype(int)
    columns["day"] = part["day"].to_numpy()
    return pd.DataFrame({**columns, **{name: part[name].to_numpy() for name in GROUPS}})


def evaluation(rows: pd.DataFrame, seed: int) -> Evaluation:
    """Return all metrics by day, some over all days and by group. Raises `DataError` for a day of one class."""
    metrics = [
        _gain("brier", _calm, rows, "all", seed, better="lower"),
        *_measures(rows, "all", classification.auroc),
    ]
    for day in DAYS:
        own = rows[rows["day"] == day]
        if own["actual"].nunique() < 2:
            raise DataError(f"day {day}: the test part has {len(own)} rows of one outcome; both are needed")
        metrics.append(_gain("auroc", classification.auroc, own, f"day {day}", seed))
        metrics += _measures(own, f"day {day}")
    for name in GROUPS:
        for value, own in rows.groupby(name):
            if len(own) >= LEAST_ROWS and own["actual"].nunique() == 2:
                metrics += _measures(own, f"{name.removeprefix('in_')} {value}", classification.auroc)
    shown = rows[["actual", "predicted", "baseline"]].assign(slice=rows["day"].map("day {}".format))
    return Evaluation(metrics=tuple(metrics), rows=shown, kind="probabilities")


def named(found: Evaluation, part: pd.DataFrame) -> Evaluation:
    """Add the key and block of each row of `part`; a student's rows form one block."""
    return keyed(found, part["student"], part["student"], part["objective"], part["day"])


def gate(evaluation: Evaluation) -> Sequence[Check]:
    """Check for better ranking than the rule on every day, lower error overall, and calibrated probabilities."""
    found = evaluation.by_slice
    checks = [beats("the rule, all days", "Brier score", found["brier", "all"])]
    checks += [beats(f"the rule, day {day}", "AUROC", found["auroc", f"day {day}"], digits=3) for day in DAYS]
    off = found["calibration error", "all"]
    calibration = verdict(
        "calibration",
        off.value <= MOST_OFF,
        measured=f"{off.value:.3f}",
        required=f"at most {MOST_OFF}",
        failure="stated probabilities do not match observed shares",
    )
    return [*checks, calibration]


def _gain(name: str, measure: Measure, rows: pd.DataFrame, part: str, seed: int, better: str = "higher") -> Metric:
    """Return a metric and its gain interval. A student's rows stay together. Larger is better in `measure`."""
    actual, model, baseline = (rows[column].to_numpy() for column in ("actual", "predicted", "baseline"))
    gain = classification.gain_interval(
        measure, actual, model, baseline, rows["student"].to_numpy(), seed, resamples=RESAMPLES
    )
    shown = classification.brier if better == "lower" else measure
    return beside(name, shown, actual, model, baseline, part, better=better, gain=gain)


def _calm(actual: Vector, probability: Vector) -> float:
    return -classification.brier(actual, probability)


def _measures(rows: pd.DataFrame, part: str, *more: Measure) -> list[Metric]:
    """Return metrics of the decision and the probabilities; `more` are ranking metrics without an interval."""
    actual = rows["actual"].to_numpy()

    def of(name: str, measure: Measure, column: str, better: str = "higher") -> Metric:
        model, baseline = (rows[f"{who}{column}"].to_numpy() for who in ("predicted", "baseline"))
        return beside(name, measure, actual, model, baseline, part, better=better)

    return [
        *(of(measure.__name__, measure, "") for measure in more),
        of("accuracy", classification.accuracy, "_flag"),
        of("recall", classification.recall, "_flag"),
        of("precision", classification.precision, "_flag"),
        of("false alarms", _false_alarms, "_flag", "lower"),
        of("calibration error", classification.calibration_error, "", "lower"),
    ]


def _false_alarms(actual: Vector, flagged: Vector) -> float:
    """Return the share of passing students that are flagged."""
    return float(flagged[actual == 0].mean()) if (actual == 0).any() else 0.0
