"""The model's input columns: names, units and order, and the number of shipments used from a history."""

from __future__ import annotations

__all__ = [
    "CLASSES",
    "COLUMNS",
    "FEATURES",
    "MODE_NAMES",
    "RATE_COLUMN",
    "RECENT",
    "RISING",
    "TERMS",
    "WEIGHT",
    "WINDOW",
    "WINDOW_HERE",
]

WINDOW = 200
"""Number of latest shipments of a history that are used."""
WINDOW_HERE = 100
"""Number of latest shipments to the question's country that are used, however old."""
RECENT = (10, 30)
WEIGHT = 10.0
"""Weight of the usual late share in a smoothed share, in shipments."""

MODE_NAMES: dict[str, str] = {
    "air": "by_air",
    "air charter": "by_air_charter",
    "ocean": "by_ocean",
    "truck": "by_truck",
}
TERMS: dict[str, str] = {"CIP": "term_cip", "DDP": "term_ddp", "EXW": "term_exw", "FCA": "term_fca"}
"""Incoterms that are frequent enough for a column."""
CLASSES: dict[str, str] = {
    "Pediatric": "class_pediatric",
    "HIV test": "class_test",
    "HIV test - Ancillary": "class_ancillary",
}

COLUMNS: dict[str, str] = {
    "late_share": "share late, smoothed to the base rate",
    **{f"late_share_{span}": f"share late of the latest {span}, smoothed" for span in RECENT},
    "mean_delay_30": "days from the scheduled day, latest 30; early is negative",
    "mean_late_days_30": "days late, latest 30; early counts as 0",
    "overdue": "shipments due and not delivered when asked",
    "late_share_here": "share late to the same country, smoothed to the vendor's",
    "late_share_here_10": "share late of the latest 10 to the same country, smoothed",
    "mean_delay_here_10": "days from the scheduled day, latest 10 to the same country",
    "overdue_here": "shipments to the same country due and not delivered",
    "ahead": "shipments delivered before they were due, due on the day of the question or later",
    "ahead_here": "the same, to the same country",
    "since_last_here": "days since the latest to the same country was due",
    "notice": "days from the question to the scheduled day",
    "lead": "days from the order to the scheduled day",
    "quantity": "log(1 + packs)",
    "value": "log(1 + USD)",
    "unit_price": "log(1 + USD per unit)",
    "pack_size": "log(1 + units)",
    "weight": "log(1 + kg)",
    "first_line": "0 or 1",
    "from_stock": "0 or 1",
    **{name: "0 or 1" for name in MODE_NAMES.values()},
    **{name: "0 or 1" for name in TERMS.values()},
    "group_arv": "0 or 1",
    **{name: "0 or 1" for name in CLASSES.values()},
}
"""Feature name to unit, in the order of the model's input columns.

The length of a history and the date of a shipment are left out: they distinguish years, not vendors.
"""
FEATURES: tuple[str, ...] = tuple(COLUMNS)
RATE_COLUMN = FEATURES.index("late_share")
RISING: tuple[str, ...] = (
    "late_share",
    *(f"late_share_{span}" for span in RECENT),
    "mean_delay_30",
    "mean_late_days_30",
    "overdue",
    "late_share_here",
    "late_share_here_10",
    "mean_delay_here_10",
    "overdue_here",
)
"""Features constrained to be monotonic: a higher value never lowers the risk."""
