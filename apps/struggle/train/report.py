"""Metrics of a version compared with the rule, by day and by group of students; and the gate's checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.struggle.schema import DAYS
from apps.struggle.serve.decide import OUTPUTS
from apps.struggle.train.data import GROUPS
from apps.struggle.train.model import MISS_COST
from serving.kernel.storage.version_manifest import Check, Metric
from serving.kernel.tensors import Arrays
from training.errors import DataError
from training.measures import classification
from training.measures.chance import beside_chance, part_of
from training.measures.evaluate import beside
from training.measures.evaluation_rows import keyed
from training.measures.gate import beats, no_worse, verdict
from training.recipe import Evaluation

__all__ = ["ALLOWED", "evaluation", "gate", "judged", "named"]

RESAMPLES = 200
LEAST_ROWS = 50
MOST_OFF = 0.08
"""Maximum mean distance between stated probability and observed share."""
CHANCE = 0.975
"""Quantile of the calibration error of right probabilities that counts as chance, with as many students."""
ALLOWED = "allowed for as many students"

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
        *_flags(rows, seed),
        _allowed(rows),
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
    """Check the ranking by day and the error overall beside the rule, the flags, and the calibration.

    The flags must be better than flagging at random, and must not cost more than the rule's.
    """
    found = evaluation.by_slice
    checks = [beats("the rule, all days", "Brier score", found["brier", "all"])]
    checks += [beats(f"the rule, day {day}", "AUROC", found["auroc", f"day {day}"], digits=3) for day in DAYS]
    flags = found["precision", part_of("all")]
    checks.append(beats("flagging at random, all days", "precision", flags, digits=3))
    checks.append(no_worse("the rule, flags of all days", "cost", found["cost", "all"], digits=3))
    off, most = found["calibration error", "all"], found["calibration error", ALLOWED].value
    calibration = verdict(
        "calibration",
        off.value <= most,
        measured=f"{off.value:.3f}",
        required=f"at most {most:.3f}: {MOST_OFF:g}, or what chance gives with as many students",
        failure="stated probabilities do not match observed shares",
    )
    return [*checks, calibration]


def _flags(rows: pd.DataFrame, seed: int) -> Iterator[Metric]:
    """Yield the flags beside flagging at random, and what they cost beside the rule's."""
    actual, student = rows["actual"].to_numpy(), rows["student"].to_numpy()
    model, rule = (rows[f"{who}_flag"].to_numpy() for who in ("predicted", "baseline"))
    yield beside_chance("precision", classification.precision, actual, model, student, seed, resamples=RESAMPLES)
    gain = classification.gain_interval(_thrift, actual, model, rule, student, seed, resamples=RESAMPLES)
    yield beside("cost", _cost, actual, model, rule, unit="false alarms per row", gain=gain)


def _cost(actual: Vector, flagged: Vector) -> float:
    """Return the mean cost of misses and false alarms; a miss costs `MISS_COST` false alarms."""
    missed, alarm = (actual == 1) & (flagged == 0), (actual == 0) & (flagged == 1)
    return float((MISS_COST * missed + alarm).mean())


def _thrift(actual: Vector, flagged: Vector) -> float:
    return -_cost(actual, flagged)


def _allowed(rows: pd.DataFrame) -> Metric:
    """Return the calibration error that chance explains. A student's rows share one outcome and count as one."""
    stated = rows.groupby("student")["predicted"].first().to_numpy()
    most = max(MOST_OFF, classification.calibration_error_by_chance(stated, CHANCE))
    return Metric(name="calibration error", value=most, slice=ALLOWED, better="nominal", rows=len(stated))


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
