"""The model's input columns: their names, units and order."""

from __future__ import annotations

__all__ = ["COLUMNS", "EVENTS", "FEATURES", "KHARIF", "RABI", "SEASONS"]

EVENTS = 6
"""Maximum number of holiday effects on one day."""

KHARIF = (10, 11, 12)
"""Months in which the summer crop reaches the market."""
RABI = (3, 4, 5)
"""Months in which the winter crop reaches the market."""
SEASONS: dict[str, tuple[int, ...]] = {"kharif": KHARIF, "rabi": RABI}
"""Harvest seasons by name. They are the conditions of Prophet's conditional seasonalities."""

COLUMNS: dict[str, str] = {
    "series": "place in the version's list of series",
    "day": "days since 1970-01-01",
    "step": "steps after the last day (or month) of the series; 0 for the past",
    **{name: "1 in that harvest season, else 0" for name in SEASONS},
    **{
        f"event_{number}": "place of a holiday effect in the version's table; 0 for none"
        for number in range(1, EVENTS + 1)
    },
}
"""Units of the columns by name, in the order of the model's input."""
FEATURES: tuple[str, ...] = tuple(COLUMNS)
