"""Convert lots to model features: measurements in their slots, and deviations from usual values, in spreads.

Training and serving call the same pure functions. The usual value is the median of the supplier's own lots if
there are enough, otherwise the median of all lots. Features of a row are independent of other rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.quality.schema import QualityContext, QualityQuestion
from apps.quality.serve.columns import DEVIATION_START, FEATURES, HISTORY_COLUMN, LEAST_HISTORY, MOST_HISTORY
from serving.kernel.errors import Invalid
from serving.kernel.tensors import Arrays

__all__ = ["Lots", "Usual", "compute", "deviations", "encode", "fill", "medians", "usual"]

Floats = npt.NDArray[np.float64]

MAD_TO_DEVIATION = 1.4826
"""Factor from median absolute deviation to standard deviation, for a normal distribution."""
BORROWED = 10.0
"""Weight of the typical spread within a supplier, in lots of the supplier's own."""
FURTHEST = 1000.0
"""Deviations are clipped to this many spreads."""
AT_ONCE = 256
"""Rows whose histories are sorted together; limits a large batch to a few megabytes."""


@dataclass(slots=True, eq=False)
class Lots:
    """Measurements of lots and of the earlier lots, NaN if unknown."""

    values: Floats
    """[n, measurements]"""
    history: Floats
    """[n, lots, measurements]"""
    known: npt.NDArray[np.intp]
    """[n] number of lots in the history."""

    def rows(self, chosen: slice) -> Lots:
        """Select rows."""
        return Lots(self.values[chosen], self.history[chosen], self.known[chosen])


@dataclass(slots=True, eq=False)
class Usual:
    """Reference of each lot, both [n, measurements]; NaN if nothing is known."""

    center: Floats
    spread: Floats


def encode(questions: Sequence[QualityQuestion], context: QualityContext) -> Arrays:
    """Convert questions to the model's input `features`, FP32 [n, 65].

    Raises `Invalid` if a measurement is not part of the version, or if a lot has less than half of the
    measurements.
    """
    return {"features": compute(fill(questions, context), context)}


def fill(questions: Sequence[QualityQuestion], context: QualityContext) -> Lots:
    """Return the questions' numbers in the order of the version's measurements. Raises `Invalid`."""
    names = context.features
    allowed = frozenset(names)
    longest = max((min(len(question.history), MOST_HISTORY) for question in questions), default=0)
    lots = Lots(
        np.full((len(questions), len(names)), np.nan),
        np.full((len(questions), longest, len(names)), np.nan),
        np.zeros(len(questions), dtype=np.intp),
    )
    for row, question in enumerate(questions):
        lots.values[row] = _numbers(question.measurements, names, allowed, f"[{row}].measurements")
        if 2 * len(question.measurements) < len(names):
            raise Invalid(
                f"[{row}].measurements",
                f"{len(question.measurements)} of {len(names)} measurements are given; at least half are needed",
            )
        start = max(0, len(question.history) - MOST_HISTORY)
        recent = question.history[start:]
        lots.known[row] = len(recent)
        for place, lot in enumerate(recent):
            path = f"[{row}].history[{start + place}]"
            lots.history[row, place] = _numbers(lot, names, allowed, path)
    return lots


def compute(lots: Lots, context: QualityContext) -> npt.NDArray[np.float32]:
    """Return the features of every lot, FP32 [n, 65] in the order of `FEATURES`."""
    count, width = lots.values.shape
    features = np.full((count, len(FEATURES)), np.nan, dtype=np.float32)
    features[:, :width] = lots.values
    features[:, HISTORY_COLUMN] = lots.known
    for start in range(0, count, AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        part = lots.rows(rows)
        features[rows, DEVIATION_START : DEVIATION_START + width] = deviations(part, usual(part, context))
    return features


def usual(lots: Lots, context: QualityContext) -> Usual:
    """Return median and spread of the reference: the supplier's lots if enough are known, otherwise all lots."""
    shape = lots.values.shape
    center = np.broadcast_to(np.array(context.center), shape).copy()
    spread = np.broadcast_to(np.array(context.spread), shape).copy()
    own = lots.known >= LEAST_HISTORY
    if own.any():
        center[own], spread[own] = _of_supplier(lots.history[own], np.array(context.within))
    return Usual(center, spread)


def deviations(lots: Lots, compared: Usual) -> Floats:
    """Return [n, measurements] value minus center in spreads, clipped at `FURTHEST`; NaN if either is unknown."""
    away: Floats = np.clip((lots.values - compared.center) / compared.spread, -FURTHEST, FURTHEST)
    return away


def medians(values: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return medians along axis 1 of [n, lots, measurements] without NaN (NaN if all are NaN), and counts."""
    known = (~np.isnan(values)).sum(axis=1)
    ordered = np.sort(values, axis=1)
    lower = np.maximum(known - 1, 0)[:, None] // 2
    upper = np.minimum(known // 2, values.shape[1] - 1)[:, None]
    middle = np.take_along_axis(ordered, lower, axis=1) + np.take_along_axis(ordered, upper, axis=1)
    return middle[:, 0] / 2, known


def _of_supplier(history: Floats, within: Floats) -> tuple[Floats, Floats]:
    """Return center and spread of the suppliers' own lots; NaN for a measurement with too few lots."""
    center, known = medians(history)
    away, _ = medians(np.abs(history - center[:, None]))
    own = np.square(away * MAD_TO_DEVIATION)
    spread = np.sqrt((known * own + BORROWED * np.square(within)) / (known + BORROWED))
    enough = known >= LEAST_HISTORY
    return np.where(enough, center, np.nan), np.where(enough, spread, np.nan)


def _numbers(lot: Mapping[str, float], names: Sequence[str], allowed: frozenset[str], path: str) -> list[float]:
    """Return values in the order of `names`, NaN if absent. Raises `Invalid` for any other name."""
    if not lot.keys() <= allowed:
        wrong = min(lot.keys() - allowed)
        raise Invalid(f"{path}.{wrong}", f"not a measurement of this version; allowed: {', '.join(names)}")
    nan = float("nan")
    return [lot.get(name, nan) for name in names]
