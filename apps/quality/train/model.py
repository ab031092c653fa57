"""The fitted quality model: calibrated forests for the grade, and isolation forests for unusual lots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import IsolationForest, RandomForestClassifier

from apps.quality.schema import QualityContext
from apps.quality.serve.columns import DEVIATION_START, HISTORY_COLUMN, LEAST_HISTORY
from apps.quality.serve.features import Lots, compute
from serving.kernel.tensors import Arrays

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "DEFAULTS",
    "FURTHEST",
    "LEAST_PROBABILITY",
    "PARAMS",
    "Grader",
    "QualityModel",
    "Watch",
    "calibrated",
    "calibration",
    "directions",
    "fit_axes",
    "fit_grader",
    "fit_watch",
    "grade_table",
    "in_spreads",
    "pairs",
    "space",
    "terms",
    "threshold",
    "watch_table",
]

Floats = npt.NDArray[np.float64]

TREES = 64
DEFAULTS: dict[str, Any] = {"forest.depth": 12, "forest.least_leaf": 3, "forest.features_tried": 0.4}
"""Default search parameters."""
WATCH_TREES, WATCH_SAMPLES = 64, 256
FURTHEST = 20.0
"""The discriminants clip measurements to this many spreads."""
MOST_DIRECTIONS = 8
LEAST_PROBABILITY = 1e-3
"""Replaces a forest's zero: a grade that 64 trees never saw here remains possible."""
RIDGE = 1e-6
SLOPES = np.geomspace(0.2, 5.0, 201)
LOTS_PER_TERM = 20
"""Lots in train per term of the discriminants; squares and products add many terms."""
PARAMS: dict[str, Any] = {
    "forest.trees": TREES,
    "forest.discriminants": MOST_DIRECTIONS,
    "watch.trees": WATCH_TREES,
    "watch.samples": WATCH_SAMPLES,
}
"""Fixed parameters recorded with a run."""


@dataclass(frozen=True)
class Watch:
    """An isolation forest and the score above which a lot is flagged."""

    forest: IsolationForest
    threshold: float

    def margin(self, away: npt.NDArray[np.float32]) -> Floats:
        """Return [n] score minus threshold from deviations without NaN; above 0 is unusual."""
        found: Floats = -self.forest.score_samples(away) - self.threshold
        return found


@dataclass(frozen=True)
class Grader:
    """A forest and its calibration: softmax(slope x log p)."""

    forest: RandomForestClassifier
    slope: float

    def raw(self, table: npt.NDArray[np.float32]) -> Floats:
        """Return [n, grades] of the forest itself, from a `grade_table`."""
        found: Floats = self.forest.predict_proba(table)
        return found

    def stated(self, table: npt.NDArray[np.float32]) -> Floats:
        """Return [n, grades], calibrated."""
        return calibrated(self.raw(table), self.slope)


@dataclass(frozen=True)
class QualityModel:
    """The forests, the fitted steps around them, and the version's context."""

    whole: Grader
    """Grades lots without missing measurements."""
    patchy: Grader
    """Grades lots with missing measurements; fitted on such lots."""
    axes: Floats
    """[terms, directions] discriminants of the measurements in spreads, or of these and their products."""
    crowd: Watch
    """Compares with all lots."""
    own: Watch
    """Compares with the supplier's lots."""
    context: QualityContext

    def predict(self, inputs: Arrays) -> Arrays:
        """Compute the app's outputs from its inputs, with scikit-learn and NumPy."""
        features = inputs["features"]
        found = self.probabilities(features)
        score = found @ (np.array(self.context.values)) if self.context.values else 100 * found.max(axis=1)
        return {
            "score": score.astype(np.float32)[:, None],
            "probabilities": found.astype(np.float32),
            "anomaly": self.margins(features).astype(np.float32)[:, None],
        }

    def probabilities(self, features: npt.NDArray[np.float32]) -> Floats:
        """Return [n, grades], calibrated."""
        table = grade_table(features, self.axes, self.context)
        return np.where(self._holes(features), self.patchy.stated(table), self.whole.stated(table))

    def raw(self, features: npt.NDArray[np.float32]) -> Floats:
        """Return [n, grades] before calibration."""
        table = grade_table(features, self.axes, self.context)
        return np.where(self._holes(features), self.patchy.raw(table), self.whole.raw(table))

    def _holes(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Return [n, 1] whether a measurement is missing."""
        missing = np.isnan(features[:, : len(self.context.features)])
        holes: npt.NDArray[np.bool_] = missing.any(axis=1, keepdims=True)
        return holes

    def margins(self, features: npt.NDArray[np.float32]) -> Floats:
        """Return [n] the margin of the isolation forest that the row's history allows."""
        away = watch_table(features, self.context)
        enough = features[:, HISTORY_COLUMN] >= LEAST_HISTORY
        return np.where(enough, self.own.margin(away), self.crowd.margin(away))


def space() -> dict[str, BaseDistribution]:
    """Return the search space of each parameter in `DEFAULTS`."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "forest.depth": IntDistribution(4, 16),
        "forest.least_leaf": IntDistribution(1, 30, log=True),
        "forest.features_tried": FloatDistribution(0.1, 1.0),
    }


def fit_axes(lots: Lots, grades: npt.NDArray[np.intp], context: QualityContext) -> Floats:
    """Return the discriminants, including squares and products if there are enough lots."""
    away = in_spreads(compute(lots, context), context)
    count = len(pairs(away.shape[1])[0])
    enough = len(away) >= LOTS_PER_TERM * (away.shape[1] + count)
    return directions(terms(away, away.shape[1] + count * enough), grades)


def fit_grader(
    train: tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]],
    validation: tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]],
    seed: int,
    chosen: Mapping[str, Any] = DEFAULTS,
) -> Grader:
    """Fit a forest on the `grade_table` and grades of `train`, and calibrate it on `validation`."""
    forest = RandomForestClassifier(
        n_estimators=TREES,
        max_depth=chosen["forest.depth"],
        min_samples_leaf=chosen["forest.least_leaf"],
        max_features=chosen["forest.features_tried"],
        random_state=seed,
    ).fit(*train)
    return Grader(forest, calibration(forest.predict_proba(validation[0]), validation[1]))


def fit_watch(lots: Lots, context: QualityContext, seed: int) -> IsolationForest:
    """Fit an isolation forest on the lots' deviations from usual values."""
    forest = IsolationForest(
        n_estimators=WATCH_TREES, max_samples=min(WATCH_SAMPLES, len(lots.values)), random_state=seed
    )
    return forest.fit(watch_table(compute(lots, context), context))


def threshold(forest: IsolationForest, lots: Lots, context: QualityContext) -> float:
    """Return the score exceeded by a share `alarm_share` of these lots, none of which was used for fitting."""
    scores = -forest.score_samples(watch_table(compute(lots, context), context))
    return float(np.quantile(scores, 1 - context.alarm_share, method="higher"))


def grade_table(
    features: npt.NDArray[np.float32], axes: Floats, context: QualityContext
) -> npt.NDArray[np.float32]:
    """Return [n, measurements + directions] the forest's input: NaN is replaced by the median lot's value."""
    width = len(context.features)
    center = np.array(context.center, dtype=np.float32)
    filled = np.where(np.isnan(features[:, :width]), center, features[:, :width])
    directed = terms(in_spreads(features, context), len(axes)) @ axes
    return np.hstack([filled, directed.astype(np.float32)])


def in_spreads(features: npt.NDArray[np.float32], context: QualityContext) -> Floats:
    """Return [n, measurements] deviations from the median lot in spreads, clipped; 0 if missing."""
    width = len(context.features)
    center = np.array(context.center, dtype=np.float32)
    filled = np.where(np.isnan(features[:, :width]), center, features[:, :width]).astype(np.float64)
    away: Floats = np.clip((filled - center) / np.array(context.spread), -FURTHEST, FURTHEST)
    return away


def terms(away: Floats, count: int) -> Floats:
    """Return [n, count] the measurements in spreads, then their squares and products if `count` includes them."""
    if count == away.shape[1]:
        return away
    left, right = pairs(away.shape[1])
    return np.hstack([away, away[:, left] * away[:, right]])


def pairs(width: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return both columns of every product, including squares."""
    left, right = np.triu_indices(width)
    return left, right


def watch_table(features: npt.NDArray[np.float32], context: QualityContext) -> npt.NDArray[np.float32]:
    """Return [n, 2 x measurements] deviations, 0 if unknown, and the largest one repeated for as many columns.

    An isolation forest draws its columns uniformly and would rarely detect a single large deviation among many
    columns. Half of its splits therefore use the largest deviation.
    """
    width = len(context.features)
    away = features[:, DEVIATION_START : DEVIATION_START + width]
    away = np.where(np.isnan(away), np.float32(0), away)
    return np.hstack([away, np.repeat(np.abs(away).max(axis=1, keepdims=True), width, axis=1)])


def directions(values: Floats, grades: npt.NDArray[np.intp]) -> Floats:
    """Return [terms, directions] linear discriminants: largest variance between grades relative to within."""
    means = np.array([values[grades == grade].mean(axis=0) for grade in np.unique(grades)])
    counts = np.bincount(grades)
    within = values - means[grades]
    inner = within.T @ within / len(values)
    inner += np.eye(len(inner)) * RIDGE * max(float(np.trace(inner)), RIDGE)
    between = means - values.mean(axis=0)
    outer = between.T @ (between * counts[:, None]) / len(values)
    # Whiten: use axes in which the within-grade spread is one in every direction.
    white = np.linalg.inv(np.linalg.cholesky(inner))
    _, turned = np.linalg.eigh(white @ outer @ white.T)
    vectors = white.T @ turned
    count = min(MOST_DIRECTIONS, len(means) - 1, len(inner))
    found: Floats = vectors[:, ::-1][:, :count]
    return found


def calibration(raw: Floats, grades: npt.NDArray[np.intp]) -> float:
    """Return the slope with the lowest log loss on rows not used for fitting; it changes no grade."""
    rows = np.arange(len(grades))
    losses = [-np.log(calibrated(raw, slope)[rows, grades]).mean() for slope in SLOPES]
    return float(SLOPES[int(np.argmin(losses))])


def calibrated(raw: Floats, slope: float) -> Floats:
    """Return [n, grades] softmax(slope x log p)."""
    logits = slope * np.log(np.maximum(raw, LEAST_PROBABILITY))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found
