"""Metrics compared with the naive baseline, and the app's part of the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression

from apps.matching.train.baseline import best_threshold, similarities, vectorizer
from apps.matching.train.fit import MatchModel
from apps.matching.train.pairs import availabilities, flat, requirements, text_of
from apps.matching.train.search import search_metrics
from serving.kernel.storage.version_manifest import Check, Metric
from training.measures.chance import beside_chance, part_of
from training.measures.classification import (
    average_precision,
    calibration_error,
    f1,
    gain_interval,
    precision,
    recall,
)
from training.measures.evaluate import beside
from training.measures.gate import beats, verdict
from training.recipe import Evaluation, Split

__all__ = ["evaluation", "gate"]

Vector = npt.NDArray[Any]

GATED = ("f1", "average_precision")
SEED = 7


def evaluation(model: MatchModel, split: Split) -> Evaluation:
    """Evaluate labelled test pairs, and the search of each matched test requirement through the full table."""
    parts = (split.train, split.validation, split.test)
    texts = {text_of(side) for part in parts for side in requirements(part)}
    texts |= {text_of(side) for part in parts for side in availabilities(part)}
    fitted = vectorizer(sorted(texts))
    stated, chances = _chances(split, fitted)
    left, right = requirements(split.test), availabilities(split.test)
    score = model.score(flat(left, right)).astype(np.float64)
    actual = split.test["label"].to_numpy()
    rows = pd.DataFrame({"actual": actual, "predicted": score, "baseline": chances})
    flags = (score >= model.threshold).astype(int), (chances >= stated).astype(int)
    group = split.test["requirement"].to_numpy()
    metrics = [*_pair_metrics(rows, flags, group), *search_metrics(model, split)]
    return Evaluation(metrics=tuple(metrics), rows=rows, kind="probabilities")


def gate(evaluation: Evaluation) -> Sequence[Check]:
    """Check for a significant gain over the baseline on labelled pairs, and no loss in finding the first match.

    Letter TF-IDF may be worse than chance, where the pairs were chosen for their similar names; so the ranking and
    the pairs that are called a match must also be better than pairs drawn at random.
    """
    found = {metric.name: metric for metric in evaluation.metrics if metric.slice != part_of("all")}
    chance = {metric.name: metric for metric in evaluation.metrics if metric.slice == part_of("all")}
    checks = [beats(f"letter TF-IDF, {name}", name, found[name], digits=3) for name in GATED]
    checks += [
        beats(f"drawing at random, {name}", name, chance[name], digits=3)
        for name in ("average_precision", "precision")
    ]
    return [*checks, _no_worse(found["hit_at_1"])]


def _chances(split: Split, fitted: Any) -> tuple[float, Vector]:
    """Return the baseline's threshold and probabilities, both fitted on the validation part."""
    late = split.validation
    known = similarities(requirements(late), availabilities(late), fitted)
    line = LogisticRegression(C=1e6).fit(known[:, None], late["label"])
    asked = similarities(requirements(split.test), availabilities(split.test), fitted)
    threshold = best_threshold(late["label"].to_numpy(), line.predict_proba(known[:, None])[:, 1])
    return threshold, line.predict_proba(asked[:, None])[:, 1]


def _pair_metrics(rows: pd.DataFrame, flags: tuple[Vector, Vector], group: Vector) -> list[Metric]:
    actual, score, chances = (rows[name].to_numpy() for name in ("actual", "predicted", "baseline"))
    f1_gain = gain_interval(f1, actual, *flags, group, SEED)
    precision_gain = gain_interval(average_precision, actual, score, chances, group, SEED)
    base = Metric(name="base_rate", value=float(actual.mean()), rows=len(actual), better="nominal")
    return [
        beside("f1", f1, actual, *flags, better="higher", gain=f1_gain),
        beside(
            "average_precision", average_precision, actual, score, chances, better="higher", gain=precision_gain
        ),
        beside("precision", precision, actual, *flags, better="higher"),
        beside("recall", recall, actual, *flags, better="higher"),
        beside("calibration_error", calibration_error, actual, score, chances),
        beside_chance("average_precision", average_precision, actual, score, group, SEED),
        beside_chance("precision", precision, actual, flags[0], group, SEED),
        base,
    ]


def _no_worse(metric: Metric) -> Check:
    base = metric.baseline or 0.0
    return verdict(
        "finds the first match",
        metric.value >= base,
        measured=f"hit@1 {metric.value:.3f} beside {base:.3f}",
        required="no less than letter TF-IDF in the full table",
        failure="letter TF-IDF ranks a match first more often",
    )
