"""The model's input columns: names, units and order, and the spans and lags they are computed from."""

from __future__ import annotations

__all__ = [
    "COLUMNS",
    "DEFAULT_GAP",
    "DISPERSION_COLUMN",
    "FEATURES",
    "HORIZON_COLUMN",
    "KNOWN_COLUMN",
    "LAGS",
    "MIDDLE",
    "OPTIONAL",
    "REFERENCE_LAGS",
    "SPANS",
    "WINDOW",
]

WINDOW = 90
SPANS = (7, 30, 90)
LAGS = (1, 2, 3, 5, 10, 20, 40, 89)
REFERENCE_LAGS = (1, 3, 7, 30)
MIDDLE = 5

DEFAULT_GAP = 1.25
"""Calendar days per trading day if only one day is known."""

OPTIONAL: dict[str, tuple[str, ...]] = {
    "quality": ("staple_length", "micronaire", "strength", "colour"),
    "location": ("port_distance", "state"),
    "supplier": ("credit_score", "past_quality", "trades"),
    "indicators": ("world_index", "exchange_rate", "crude"),
}
"""Fields of each optional group, in column order."""

COLUMNS: dict[str, str] = {
    "horizon": "trading days",
    **{f"mean_{span}": "log ratio to last price" for span in SPANS},
    **{f"spread_{span}": "log ratio, standard deviation" for span in SPANS},
    f"median_{MIDDLE}": "log ratio to last price",
    **{f"low_{span}": "log ratio to last price" for span in SPANS[1:]},
    **{f"high_{span}": "log ratio to last price" for span in SPANS[1:]},
    **{f"momentum_{lag}": "log ratio over that many trading days" for lag in LAGS},
    **{f"volatility_{span}": "daily log return, root mean square" for span in SPANS},
    **{f"turbulence_{span}": "daily log return, mean absolute" for span in SPANS},
    "dispersion": "log move over as many trading days as the horizon, mean absolute",
    "arrival": "log(1 + tonnes)",
    **{f"arrival_{span}": "log ratio of last arrival to its mean" for span in SPANS},
    "arrival_reported": "share of the last 30 trading days",
    "reference": "log ratio to last price",
    **{f"premium_{span}": "log price over reference, less its mean" for span in SPANS},
    **{f"reference_momentum_{lag}": "log ratio over that many trading days" for lag in REFERENCE_LAGS},
    "gap": "calendar days before the last trading day",
    "gap_7": "calendar days per trading day",
    "gap_30": "calendar days per trading day",
    "observations": "trading days known, at most 90",
    "weekday": "0 Monday to 6 Sunday",
    "month": "1 to 12",
    "year_sin": "last day in the year, sine",
    "year_cos": "last day in the year, cosine",
    "target_sin": "target day in the year, sine",
    "target_cos": "target day in the year, cosine",
    "target_month": "1 to 12",
    "harvest": "0 lean, 1 kharif, 2 late kharif, 3 rabi, on the target day",
    **{name: group for group, names in OPTIONAL.items() for name in names},
}
"""Feature name to unit, in the order of the model's input columns."""
FEATURES: tuple[str, ...] = tuple(COLUMNS)
HORIZON_COLUMN = FEATURES.index("horizon")
DISPERSION_COLUMN = FEATURES.index("dispersion")
KNOWN_COLUMN = FEATURES.index("observations")
