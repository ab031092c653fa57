"""Convert questions to the model's input. Training and serving call the same pure function `table`.

The model itself scales the values and handles missing ones, so it receives the numbers unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.fraud.schema import MAX_FEATURES, FraudContext, FraudQuestion
from serving.kernel.errors import Invalid
from serving.kernel.tensors import Arrays

__all__ = ["SLOTS", "encode", "table"]

SLOTS: tuple[str, ...] = tuple(f"feature_{slot}" for slot in range(1, MAX_FEATURES + 1))
"""Names of the model's input columns. The version's context assigns features to slots."""

_NAN = float("nan")


def encode(questions: Sequence[FraudQuestion], context: FraudContext) -> Arrays:
    """Convert questions to `features`, FP32 [n, 64], with NaN for unknown values.

    Raises `Invalid` if a feature is not part of the version, or if a question has no known feature.
    """
    names = context.features
    known = frozenset(names)
    values = np.full((len(questions), len(names)), _NAN)
    for row, question in enumerate(questions):
        given = question.features
        if not given.keys() <= known:
            raise _unknown(row, given.keys() - known, names)
        found = [given.get(name) for name in names]
        if all(value is None for value in found):
            raise Invalid(f"[{row}].features", "no feature is known; give at least one number")
        values[row] = [_NAN if value is None else value for value in found]
    return {"features": table(values)}


def table(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Convert columns in the context's order, [n, d], to the model's slots, FP32 [n, 64]; unused slots are NaN."""
    slots = np.full((len(values), MAX_FEATURES), np.nan, np.float32)
    slots[:, : values.shape[1]] = values
    return slots


def _unknown(row: int, names: set[str], allowed: tuple[str, ...]) -> Invalid:
    name = min(names)
    return Invalid(
        f"[{row}].features.{name}", f"not a feature of this version; its features are: {', '.join(allowed)}"
    )
