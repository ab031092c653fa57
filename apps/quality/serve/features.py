"""Lots to model features: measurements in their slots, and how far each is from what is usual, in spreads.

Pure; training and serving call the same functions. What is usual is the median of the supplier's own lots where
there are enough of them, else the median of all lots. A row's features do not depend on the rows beside it.
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
"""Median absolute deviation to standard deviation, for a normal distribution."""
BORROWED = 10.0
"""How many lots the typical spread of a supplier counts for beside the supplier's own."""
FURTHEST = 1000.0
"""Spreads beyond which a deviation is cut off."""
AT_ONCE = 256
"""Rows whose histories are sorted together; keeps a large batch in a few megabytes."""


@dataclass(slots=True, eq=False)
class Lots:
    """Measurements of lots and of the lots before them, NaN where not known."""

    values: Floats
    """[n, measurements]"""
    history: Floats
    """[n, lots, measurements]"""
    known: npt.NDArray[np.intp]
    """[n] lots of the history that are there."""

    def rows(self, chosen: slice) -> Lots:
        """Some of the rows."""
        return Lots(self.values[chosen], self.history[chosen], self.known[chosen])


@dataclass(slots=True, eq=False)
class Usual:
    """What each lot is compared with, both [n, measurements]; NaN where nothing is known."""

    center: Floats
    spread: Floats


def encode(questions: Sequence[QualityQuestion], context: QualityContext) -> Arrays:
    """Questions to the model's input `features`, FP32 [n, 65].

    Raises `Invalid` for a measurement this version does not know and for a lot with less than half of them.
    """
    return {"features": compute(fill(questions, context), context)}


def fill(questions: Sequence[QualityQuestion], context: QualityContext) -> Lots:
    """The questions' numbers in the order of the version's measurements. Raises `Invalid`."""
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
    """Features of every lot, FP32 [n, 65] in the order of `FEATURES`."""
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
    """Median and spread each lot is compared with: the supplier's where enough lots are known, else all lots'."""
    shape = lots.values.shape
    center = np.broadcast_to(np.array(context.center), shape).copy()
    spread = np.broadcast_to(np.array(context.spread), shape).copy()
    own = lots.known >= LEAST_HISTORY
    if own.any():
        center[own], spread[own] = _of_supplier(lots.history[own], np.array(context.within))
    return Usual(center, spread)


def deviations(lots: Lots, compared: Usual) -> Floats:
    """[n, measurements] value less center in spreads, cut off at `FURTHEST`; NaN where one is not known."""
    away: Floats = np.clip((lots.values - compared.center) / compared.spread, -FURTHEST, FURTHEST)
    return away


def medians(values: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Median along axis 1 of [n, lots, measurements] without NaN (NaN where all are), and how many there are."""
    known = (~np.isnan(values)).sum(axis=1)
    ordered = np.sort(values, axis=1)
    lower = np.maximum(known - 1, 0)[:, None] // 2
    upper = np.minimum(known // 2, values.shape[1] - 1)[:, None]
    middle = np.take_along_axis(ordered, lower, axis=1) + np.take_along_axis(ordered, upper, axis=1)
    return middle[:, 0] / 2, known


def _of_supplier(history: Floats, within: Floats) -> tuple[Floats, Floats]:
    """Center and spread of the suppliers' own lots; NaN for a measurement that too few lots have."""
    center, known = medians(history)
    away, _ = medians(np.abs(history - center[:, None]))
    own = np.square(away * MAD_TO_DEVIATION)
    spread = np.sqrt((known * own + BORROWED * np.square(within)) / (known + BORROWED))
    enough = known >= LEAST_HISTORY
    return np.where(enough, center, np.nan), np.where(enough, spread, np.nan)


def _numbers(lot: Mapping[str, float], names: Sequence[str], allowed: frozenset[str], path: str) -> list[float]:
    """Values in the order of `names`, NaN where absent. Raises `Invalid` for another name."""
    if not lot.keys() <= allowed:
        wrong = min(lot.keys() - allowed)
        raise Invalid(f"{path}.{wrong}", f"no measurement of this version; allowed: {', '.join(names)}")
    nan = float("nan")
    return [lot.get(name, nan) for name in names]
