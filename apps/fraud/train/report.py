"""Set thresholds from an alert budget on validation, and evaluate the scores on the test part.

The naive baseline needs no fitting: the mean distance of a record's values from the medians, in robust standard
deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.fraud.schema import FraudContext
from apps.fraud.train.model import Scaling
from serving.kernel.storage.version_manifest import Check, Metric
from training.measures.chance import part_of
from training.measures.classification import (
    alerts_at,
    auroc,
    average_precision,
    gain_interval,
    precision,
    precision_at_budget,
    recall,
)
from training.measures.evaluate import beside
from training.measures.evaluation_rows import with_keys
from training.measures.gate import beats, no_worse, verdict
from training.recipe import Evaluation

__all__ = ["Scored", "distance", "evaluation", "gate", "judged_rows", "with_thresholds"]

Vector = npt.NDArray[Any]
Measure = Callable[[Vector, Vector], float]

WATCH = 5.0
"""Ratio of normal records at MEDIUM or HIGH to those at HIGH; MEDIUM and HIGH cover at most half of them."""
INTERVAL_ROWS = 2500
"""Maximum rows per label for the bootstrap of a ranking; more rows only take more time."""
ALERT_ROWS = 50_000
"""The same for alerts: there is one alert among 100 normal records."""
RESAMPLES = 200
AS_MANY = "alerts, beside as many of the baseline"
"""Slice of the metrics whose baseline flags as many test records as the version: those most distant."""
FALSE_ALARMS = 2.0
"""Maximum ratio of false alarms on test to those on validation, beyond chance."""
CHANCE, DRAWS = 0.975, 100_000
"""Quantile of the test part's false alarms that counts as chance, and number of draws to estimate it."""
RANKINGS = {"auroc": auroc, "average_precision": average_precision}
"""The first metric ranks all records; the second emphasizes the top, where alerts are."""


@dataclass(frozen=True)
class Scored:
    """Rows with label, score, baseline score and record number; equal records have equal numbers."""

    actual: Vector
    score: Vector
    baseline: Vector
    record: Vector


def distance(scaling: Scaling, features: npt.NDArray[np.float32]) -> Vector:
    """Return the baseline: mean absolute robust z-score over the known values; 0 if no value is known."""
    with np.errstate(over="ignore"):
        scores = np.abs((features.astype(np.float64) - scaling.middle) / scaling.spread)
    known = ~np.isnan(features)
    total: Vector = np.where(known, scores, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return total


def with_thresholds(context: FraudContext, validation: Scored, prevalence: float, budget: float) -> FraudContext:
    """Set the thresholds so that at most a share `budget` of validation, all normal records, is HIGH."""
    watch = min(WATCH * budget, 0.5)
    return msgspec.structs.replace(
        context,
        high=alerts_at(validation.score, budget),
        medium=alerts_at(validation.score, watch),
        alert_budget=budget,
        watch_budget=watch,
        prevalence=prevalence,
    )


def evaluation(validation: Scored, test: Scored, context: FraudContext, seed: int) -> Evaluation:
    """Return metrics of ranking, and of alerts at validation's thresholds; the baseline has the same budget."""
    actual, score, plain = test.actual, test.score, test.baseline
    budget = context.alert_budget
    flagged = score > context.high
    naive = plain > alerts_at(validation.baseline, budget)
    share, caught, false = float(actual.mean()), recall(actual, flagged), float(flagged[actual == 0].mean())
    metrics = [
        *(
            beside(name, measure, actual, score, plain, better="higher", gain=_gain(measure, test, seed))
            for name, measure in RANKINGS.items()
        ),
        *_beyond_chance(test, flagged, seed),
        _beside_as_many(test, flagged, seed),
        beside("precision", precision, actual, flagged, naive, part="alerts", better="higher"),
        beside("recall", recall, actual, flagged, naive, part="alerts", better="higher"),
        beside(
            "precision",
            lambda truth, scores: precision_at_budget(truth, scores, share),
            actual,
            score,
            plain,
            part="as many alerts as anomalies",
            better="higher",
        ),
        _plain("precision", _at(context.prevalence, caught, false), "alerts, all data's prevalence", "higher"),
        _plain("false_alarms", false, "normal records", "lower"),
        _plain("false_alarms", _false(validation, context), "validation", "lower"),
        _plain("false_alarms", _most_false(validation, test, context), "allowed", "nominal"),
        _plain("prevalence", share, "test", "nominal"),
        _plain("prevalence", context.prevalence, "all data", "nominal"),
        _plain("alert_budget", budget, "normal records", "nominal"),
    ]
    rows = judged_rows(actual, validation.score, score, test.record)
    rows = rows.assign(baseline=_place(validation.baseline, plain))
    return Evaluation(metrics=tuple(metrics), rows=rows, kind="probabilities")


def judged_rows(actual: Vector, validation: Vector, score: Vector, record: Vector) -> pd.DataFrame:
    """Return test rows with their score and its percentile in validation; equal records form one block."""
    rows = pd.DataFrame({"actual": actual, "predicted": _place(validation, score), "score": score})
    return with_keys(rows, record, record)


def gate(evaluation: Evaluation) -> Sequence[Check]:
    """Check the ranking and the alerts beside the baseline and beside chance, and bound the false alarms.

    A gain of the ranking alone has no value where the app acts, which is at its alerts.
    """
    metrics = evaluation.by_slice
    rankings = [metrics[name, "all"] for name in RANKINGS]
    gains = [
        (-1.0, 1.0) if m.gain_low is None or m.gain_high is None else (m.gain_low, m.gain_high) for m in rankings
    ]
    beaten = any(high < 0 for _, high in gains)
    gained = not beaten and any(low > 0 for low, _ in gains)
    reason = "the distance from the median is better" if beaten else "the gain may be chance"
    false = metrics["false_alarms", "normal records"].value
    most = metrics["false_alarms", "allowed"].value
    return (
        verdict(
            "beats the distance from the median",
            gained,
            measured="; ".join(
                f"{m.name} {m.value:.4f} beside {m.baseline:.4f}, gain {low:.4f} to {high:.4f}"
                for m, (low, high) in zip(rankings, gains, strict=True)
            ),
            required="the 95 % interval of the gain lies above 0 in one of them and below 0 in none",
            failure=reason,
        ),
        beats("drawing at random, ranking", "average precision", metrics["average_precision", part_of("all")]),
        beats("drawing at random, alerts", "precision", metrics["precision", part_of("alerts")]),
        no_worse("the distance from the median, alerts", "precision", metrics["precision", AS_MANY]),
        verdict(
            "false alarms",
            false <= most,
            measured=f"{false:.4f} of the normal records",
            required=f"at most {most:.4f}",
            failure="the thresholds do not hold on records that validation has not seen",
        ),
    )


def _beyond_chance(test: Scored, flagged: Vector, seed: int) -> Iterator[Metric]:
    """Yield the ranking and the alerts beside what a random order and random alerts would give: the prevalence."""
    at_random = np.ones(len(test.actual))
    for name, measure, answers, part, rows in (
        ("average_precision", average_precision, test.score, "all", INTERVAL_ROWS),
        ("precision", precision, flagged.astype(np.float64), "alerts", ALERT_ROWS),
    ):
        gain = _gain(measure, replace(test, score=answers, baseline=at_random), seed, rows)
        yield beside(
            name, measure, test.actual, answers, at_random, part=part_of(part), better="higher", gain=gain
        )


def _beside_as_many(test: Scored, flagged: Vector, seed: int) -> Metric:
    """Return the precision of the alerts beside that of as many of the records with the highest baseline.

    With its own threshold, the baseline may be more precise only because it flags fewer records.
    """
    # The random order decides between records that are equally distant.
    order = np.random.default_rng(seed).permutation(len(flagged))
    top = order[np.argsort(-test.baseline[order], kind="stable")][: int(flagged.sum())]
    others = np.zeros(len(flagged), dtype=bool)
    others[top] = True
    gain = _gain(precision, replace(test, score=flagged, baseline=others), seed, ALERT_ROWS)
    return beside("precision", precision, test.actual, flagged, others, part=AS_MANY, better="higher", gain=gain)


def _gain(measure: Measure, test: Scored, seed: int, most: int = INTERVAL_ROWS) -> tuple[float, float] | None:
    normal = np.flatnonzero(test.actual == 0)
    drawn = np.random.default_rng(seed).permutation(normal)[:most]
    rows = np.concatenate([np.flatnonzero(test.actual == 1)[:most], drawn])
    parts = (test.actual[rows], test.score[rows], test.baseline[rows], test.record[rows])
    try:
        return gain_interval(measure, *parts, seed=seed, resamples=RESAMPLES)
    except ValueError:
        return None


def _false(validation: Scored, context: FraudContext) -> float:
    return float((validation.score > context.high).mean())


def _most_false(validation: Scored, test: Scored, context: FraudContext) -> float:
    """Return the maximum share of the test part's normal records that may be above the threshold.

    If k of validation's n records are above a threshold, the probability that a new record is above it has the
    distribution Beta(k + 1, n - k), whatever the score. The share counts as chance up to its quantile `CHANCE`,
    and that probability may be `FALSE_ALARMS` times as high.
    """
    rows, above = len(validation.score), int((validation.score > context.high).sum())
    fresh, draw = int((test.actual == 0).sum()), np.random.default_rng(0)
    chance = np.minimum(FALSE_ALARMS * draw.beta(above + 1, rows - above, DRAWS), 1.0)
    return float(np.quantile(draw.binomial(fresh, chance), CHANCE)) / fresh


def _at(prevalence: float, caught: float, false: float) -> float:
    """Return the precision at a given prevalence of anomalies."""
    right, wrong = prevalence * caught, (1 - prevalence) * false
    return right / (right + wrong) if right + wrong else 0.0


def _plain(name: str, value: float, part: str, better: str) -> Metric:
    return Metric(name=name, value=value, slice=part, better=better)


def _place(normal: Vector, scores: Vector) -> Vector:
    """Return the share of normal records with a smaller score, 0 to 1; not the probability of an anomaly."""
    place: Vector = np.searchsorted(np.sort(normal), scores) / len(normal)
    return place
