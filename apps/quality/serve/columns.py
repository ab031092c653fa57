"""The model's input columns. A version's context assigns its measurements to slots."""

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
"""Minimum number of supplier lots for a comparison with the supplier's own lots instead of all lots."""
MOST_HISTORY = 50
"""Number of latest lots of a history that are used."""

MEASURES = tuple(f"measure_{slot:02}" for slot in range(1, SLOTS + 1))
"""The measurement itself, in its own unit."""
DEVIATIONS = tuple(f"deviation_{slot:02}" for slot in range(1, SLOTS + 1))
"""Deviation of the measurement from its usual value, in spreads."""
FEATURES = (*MEASURES, *DEVIATIONS, "history")
"""`history` is the number of known lots of the supplier, at most `MOST_HISTORY`."""
DEVIATION_START = SLOTS
HISTORY_COLUMN = FEATURES.index("history")
