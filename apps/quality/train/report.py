"""Metrics of a quality model on the test part, compared with baselines without a model, and the app's gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.quality.train.baseline import Baseline
from apps.quality.train.data import measurements
from serving.kernel.storage.version_manifest import Check, Metric
from training.measures.classification import (
    accuracy,
    calibration_error,
    calibration_error_by_chance,
    gain_interval,
    reliability,
)
from training.measures.evaluate import beside
from training.measures.evaluation_rows import keyed
from training.measures.gate import beats, verdict
from training.recipe import Evaluation

__all__ = ["BINS", "Judged", "calibration", "evaluation", "gate", "grading", "macro_f1", "named"]

Floats = npt.NDArray[np.float64]
Grades = npt.NDArray[np.intp]

BINS = 5
"""Number of bins of equally many test lots, by stated confidence."""
WORST_CALIBRATION = 0.05
"""The largest mean distance between stated confidence and share of right answers, unless chance explains more."""
CHANCE = 0.975
"""Quantile of the calibration error of right confidences that counts as chance, with as many lots."""
MOST_BINS, LOTS_PER_BIN = 10, 40
"""Number of bins of the calibration error, and the number of lots of a bin where there are fewer bins."""
MOST_ALARMS = 3.0
"""Maximum false alarms of ordinary lots, as a multiple of the nominal share."""
ALLOWED = "allowed for as many lots"
LEAST_SIGHT = 0.5
"""AUROC of an anomaly score without any information."""


@dataclass(frozen=True)
class Judged:
    """Test lots with their grade and the answers of baseline and model."""

    actual: Grades
    groups: npt.NDArray[Any]
    values: Floats
    """[n, measurements]"""
    probabilities: Floats
    """[n, grades], calibrated."""
    raw: Floats
    """[n, grades] before calibration."""
    hidden: Floats
    """[n, grades] with a quarter of the measurements missing."""

    @property
    def predicted(self) -> Grades:
        """Return [n] the most probable grade."""
        likeliest: Grades = self.probabilities.argmax(axis=1)
        return likeliest


def grading(rows: Judged, baseline: Baseline, names: Sequence[str], seed: int) -> list[Metric]:
    """Return macro-F1, accuracy, F1 of each grade, and the calibration of the confidence."""
    near, frequent = baseline.nearest(rows.values), baseline.most_frequent(len(rows.actual))
    actual, found = rows.actual, rows.predicted
    gains = [
        _gain(measure, actual, found, other, rows.groups, seed)
        for measure, other in ((macro_f1, near), (accuracy, frequent))
    ]
    part = "a quarter of the measurements missing"
    metrics = [
        beside("macro_f1", macro_f1, actual, found, near, better="higher", gain=gains[0]),
        beside("accuracy", accuracy, actual, found, frequent, better="higher", gain=gains[1]),
        beside("macro_f1", macro_f1, actual, rows.hidden.argmax(axis=1), near, part=part, better="higher"),
    ]
    for grade, name in enumerate(names):
        scores = [_f1(actual == grade, one == grade) for one in (found, near)]
        metrics.append(
            Metric(
                name="f1",
                value=scores[0],
                baseline=scores[1],
                slice=f"grade {name}",
                better="higher",
                rows=int((actual == grade).sum()),
            )
        )
    return [*metrics, *_confidence(rows, baseline)]


def evaluation(rows: Judged, metrics: Sequence[Metric], baseline: Baseline, names: Sequence[str]) -> Evaluation:
    """Return the metrics with the rows of the plots."""
    labels = np.array(names, dtype=object)
    table = pd.DataFrame(
        {
            "actual": labels[rows.actual],
            "predicted": labels[rows.predicted],
            "baseline": labels[baseline.nearest(rows.values)],
            "confidence": rows.probabilities.max(axis=1),
        }
    )
    return Evaluation(metrics=tuple(metrics), rows=table, kind="classes")


def named(found: Evaluation, part: pd.DataFrame) -> Evaluation:
    """Add the key and block of each row of `part`; a lot's key is its measurements and grade."""
    content = pd.util.hash_pandas_object(part[[*measurements(part), "grade"]], index=False)
    return keyed(found, part["group"], content.map("{:016x}".format))


def gate(evaluation: Evaluation, alarm_share: float) -> list[Check]:
    """Check for significant gains over both baselines, calibrated probabilities, and a reliable anomaly flag."""
    found = evaluation.by_slice
    checks = [
        beats("the nearest mean of one measurement", "macro_f1", found["macro_f1", "all"]),
        beats("the most frequent grade", "accuracy", found["accuracy", "all"]),
        _calibrated(found["calibration_error", "all"].value, found["calibration_error", ALLOWED].value),
    ]
    for (name, part), metric in found.items():
        if name == "false_alarms":
            checks.append(_at_most(f"false alarms, {part}", metric.value, MOST_ALARMS * alarm_share))
        if name == "gross_auroc":
            checks.append(_sees(part, metric))
    return checks


def _confidence(rows: Judged, baseline: Baseline) -> Iterator[Metric]:
    """Yield log loss compared with class frequencies, the calibration error, and accuracy by confidence."""
    count = len(rows.actual)
    each = np.arange(count)
    right = (rows.predicted == rows.actual).astype(np.float64)
    stated = rows.probabilities.max(axis=1)
    raw_right = (rows.raw.argmax(axis=1) == rows.actual).astype(np.float64)
    yield Metric(
        name="log_loss",
        value=float(-np.log(rows.probabilities[each, rows.actual]).mean()),
        baseline=float(-np.log(baseline.shares[rows.actual]).mean()),
        rows=count,
    )
    yield from calibration(right, stated)
    yield Metric(
        name="calibration_error",
        value=calibration_error(raw_right, rows.raw.max(axis=1)),
        slice="before calibration",
        rows=count,
    )
    for number, (mean, seen, held) in enumerate(reliability(right, stated, BINS), 1):
        part = f"confidence bin {number} of {BINS}"
        yield Metric(name="stated_confidence", value=mean, slice=part, better="nominal", rows=held)
        yield Metric(name="share_right", value=seen, slice=part, better="higher", rows=held)


def calibration(right: Floats, stated: Floats) -> tuple[Metric, Metric]:
    """Return the calibration error of [n] stated confidences, and the largest one that the gate allows.

    Honest confidences show an error too where there are few lots, because the observed shares vary.
    """
    bins = max(1, min(MOST_BINS, len(stated) // LOTS_PER_BIN))
    error = calibration_error(right, stated, bins)
    most = max(WORST_CALIBRATION, calibration_error_by_chance(stated, CHANCE, bins))
    return (
        Metric(name="calibration_error", value=error, rows=len(right)),
        Metric(name="calibration_error", value=most, slice=ALLOWED, better="nominal", rows=len(right)),
    )


def _gain(
    measure: Any, actual: Grades, model: Grades, other: Grades, groups: npt.NDArray[Any], seed: int
) -> tuple[float, float] | None:
    try:
        return gain_interval(measure, actual, model, other, groups, seed)
    except ValueError:
        return None


def macro_f1(actual: Grades, found: Grades) -> float:
    """Return the mean F1 of grades that occur or are answered, as in scikit-learn but fast for 1,000 resamples."""
    count = int(max(actual.max(), found.max())) + 1
    right = np.bincount(actual[actual == found], minlength=count)
    both = np.bincount(actual, minlength=count) + np.bincount(found, minlength=count)
    return float((2 * right[both > 0] / both[both > 0]).mean())


def _f1(actual: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> float:
    """Return the F1 of one grade; 0 if it neither occurs nor is answered."""
    both = actual.sum() + found.sum()
    return float(2 * (actual & found).sum() / both) if both else 0.0


def _calibrated(error: float, most: float) -> Check:
    return verdict(
        "calibration",
        error <= most,
        measured=f"{error:.4f}",
        required=f"at most {most:.4f}: {WORST_CALIBRATION:g}, or what chance gives with as many lots",
        failure=f"{error:.4f} is above {most:.4f}, which chance does not explain",
    )


def _at_most(name: str, value: float, bound: float) -> Check:
    return verdict(name, value <= bound, f"{value:.4f}", f"at most {bound:g}", f"{value:.4f} is above {bound:g}")


def _sees(part: str, metric: Metric) -> Check:
    return verdict(
        f"sees gross errors, {part}",
        metric.gain_low is not None and metric.gain_low > 0,
        measured=f"AUROC {metric.value:.3f}",
        required=f"above {LEAST_SIGHT} beyond chance",
        failure="the anomaly score does not separate gross errors from ordinary lots",
    )
