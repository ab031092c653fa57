"""The model's input columns. A version names its measurements in its context and puts them into slots."""

from __future__ import annotations

from apps.quality.schema import SLOTS

__all__ = [
    "DEVIATION_START",
    "FEATURES",
    "HISTORY_COLUMN",
    "LEAST_HISTORY",
    "MEASURES",
    "MOST_HISTORY",
]

LEAST_HISTORY = 8
"""Lots of a supplier from which on a lot is compared with them, not with all lots."""
MOST_HISTORY = 50
"""Latest lots of a history that are used."""

MEASURES = tuple(f"measure_{slot:02}" for slot in range(1, SLOTS + 1))
"""The measurement itself, in its own unit."""
DEVIATIONS = tuple(f"deviation_{slot:02}" for slot in range(1, SLOTS + 1))
"""The measurement less what is usual, in spreads."""
FEATURES = (*MEASURES, *DEVIATIONS, "history")
"""`history` is how many lots of the supplier are known, at most `MOST_HISTORY`."""
DEVIATION_START = SLOTS
HISTORY_COLUMN = FEATURES.index("history")
