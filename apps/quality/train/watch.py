"""Evaluate the anomaly flag and its limits: false alarms, planted errors, and grades left out of fitting."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.quality.serve.features import Lots, compute
from apps.quality.train.data import suppliers_known
from apps.quality.train.lots import alone, context_of, stand_ins, with_history
from apps.quality.train.model import QualityModel, fit_watch, watch_table
from serving.kernel.storage.version_manifest import Metric
from training.measures.classification import gain_interval
from training.recipe import Split

__all__ = ["GROSS", "auroc", "planted", "watching"]

Floats = npt.NDArray[np.float64]

GROSS = 10.0
"""Size of a planted error of one measurement, in spreads."""
MOST_GRADES = 12
"""Maximum number of grades for which each grade is left out once."""


def watching(model: QualityModel, split: Split, seed: int) -> list[Metric]:
    """Return false alarms and the AUROC of planted errors on the test part, then of grades left out of fitting."""
    parts = {
        "no history": alone(split.test),
        "with a history": with_history(split.test, split.train, seed),
    }
    groups = split.test["group"].to_numpy()
    metrics: list[Metric] = []
    for name, lots in parts.items():
        metrics += _ordinary_and_gross(model, lots, name, groups, seed)
    if len(model.context.grades) <= MOST_GRADES:
        metrics += _never_seen(model, split, seed)
        if not suppliers_known(split.train):
            metrics += _other_grade(model, split, seed)
    return metrics


def planted(lots: Lots, spread: Floats, seed: int) -> Lots:
    """Return the lots with one random measurement each moved by `GROSS` spreads in a random direction."""
    rng = np.random.default_rng(seed)
    rows, width = np.arange(len(lots.values)), lots.values.shape[1]
    values = lots.values.copy()
    slots = rng.integers(0, width, len(rows))
    values[rows, slots] += GROSS * spread[slots] * rng.choice([-1.0, 1.0], len(rows))
    return Lots(values, lots.history, lots.known)


def _ordinary_and_gross(
    model: QualityModel, lots: Lots, name: str, groups: npt.NDArray[np.object_], seed: int
) -> Iterator[Metric]:
    spread = model.context.spread if name == "no history" else model.context.within
    ordinary = model.margins(compute(lots, model.context))
    gross = model.margins(compute(planted(lots, np.array(spread), seed), model.context))
    yield Metric(
        name="false_alarms", value=float((ordinary > 0).mean()), slice=name, better="nominal", rows=len(ordinary)
    )
    yield Metric(
        name="gross_caught", value=float((gross > 0).mean()), slice=name, better="higher", rows=len(gross)
    )
    actual = np.repeat([0, 1], len(ordinary))
    score = np.concatenate([ordinary, gross])
    try:
        low, high = gain_interval(
            auroc, actual, score, np.zeros(len(score)), np.tile(groups, 2), seed, resamples=200
        )
    except ValueError:
        low = high = None  # type: ignore[assignment]
    yield Metric(
        name="gross_auroc",
        value=auroc(actual, score),
        baseline=0.5,
        slice=name,
        better="higher",
        rows=len(score),
        gain_low=low,
        gain_high=high,
    )


def _never_seen(model: QualityModel, split: Split, seed: int) -> Iterator[Metric]:
    """Test whether a grade left out of fitting deviates more than the others, for each grade; without history."""
    for grade in model.context.grades:
        known = split.train[split.train["grade"] != grade]
        context = msgspec.structs.replace(context_of(known), features=model.context.features)
        forest = fit_watch(alone(known), context, seed)
        scores = -forest.score_samples(watch_table(compute(alone(split.test), context), context))
        yield _auroc(split.test["grade"] == grade, scores, f"grade {grade} never seen")


def _other_grade(model: QualityModel, split: Split, seed: int) -> Iterator[Metric]:
    """Test whether a grade from a stand-in supplier of another grade is detected among that supplier's lots."""
    ordinary = model.margins(compute(with_history(split.test, split.train, seed), model.context))
    rng = np.random.default_rng(seed)
    for grade in model.context.grades:
        sent = split.test[split.test["grade"] == grade]
        others = [name for name in model.context.grades if name != grade]
        lots = stand_ins(sent, split.train, rng.choice(others, len(sent)), seed)
        scores = np.concatenate([ordinary, model.margins(compute(lots, model.context))])
        strange = pd.Series(np.arange(len(scores)) >= len(ordinary))
        yield _auroc(strange, scores, f"grade {grade} from a supplier of another")


def auroc(actual: npt.NDArray[np.intp], score: Floats) -> float:
    """Return the area under the ROC curve from ranks; NaN if only one class occurs. Fast for the bootstrap."""
    strange = int(actual.sum())
    others = len(actual) - strange
    if not strange or not others:
        return float("nan")
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    # Tied scores share their mean rank.
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[place][actual == 1].sum() - strange * (strange + 1) / 2) / (strange * others))


def _auroc(strange: pd.Series[bool], scores: Floats, part: str) -> Metric:
    return Metric(
        name="anomaly_auroc",
        value=auroc(strange.to_numpy().astype(int), scores),
        baseline=0.5,
        slice=part,
        better="higher",
        rows=len(scores),
    )
