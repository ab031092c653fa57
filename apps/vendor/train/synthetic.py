"""Synthetic shipments, used if no data is given: the same seed gives the same table, bit for bit.

Every vendor has its own punctuality, which drifts over the years, and bad periods that last months. Some countries
are harder to reach, air is faster than sea, and short lead times are harder to meet. A vendor's recent performance
therefore predicts its future better than its long-term share does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.vendor.schema import MODES

__all__ = ["COUNTRIES", "SHIPMENTS", "VENDORS", "generate"]

Floats = npt.NDArray[np.float64]

VENDORS = 24
SHIPMENTS = 4500
FIRST_DAY = "2015-01-05"
DAYS = 5 * 365
COUNTRIES = {
    "Azania": 1.1,
    "Brandonia": -0.6,
    "Costaguana": 0.7,
    "Drumland": 0.0,
    "Elbonia": -0.9,
    "Freedonia": 0.3,
    "Genovia": -0.4,
}
"""Invented country to its effect on the log odds of being late."""
PRODUCTS = (("ARV", "Adult"), ("ARV", "Pediatric"), ("HRDT", "HIV test"), ("HRDT", "HIV test - Ancillary"))
TERMS = ("EXW", "DDP", "FCA", "CIP")
MODE_SHARES = (0.55, 0.06, 0.09, 0.3)
MODE_ODDS = (-0.3, -0.8, 0.8, 0.4)
"""In the order of `MODES`."""


def generate(seed: int) -> pd.DataFrame:
    """Return 4,500 shipments over five years in the plain layout.

    As in real tables, some weights and order dates are missing, and some deliveries are recorded days later.
    """
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, DAYS, SHIPMENTS))
    sizes = rng.dirichlet(np.full(VENDORS, 1.2))
    vendor = rng.choice(VENDORS, SHIPMENTS, p=sizes)
    country = rng.integers(0, len(COUNTRIES), SHIPMENTS)
    mode = rng.choice(len(MODES), SHIPMENTS, p=MODE_SHARES)
    lead = rng.gamma(4, 25, SHIPMENTS).round() + 14
    odds = (
        _tempers(rng)[vendor, day]
        + np.array(list(COUNTRIES.values()))[country]
        + np.array(MODE_ODDS)[mode]
        + 0.9 * np.exp(-lead / 40)
    )
    late = rng.random(SHIPMENTS) < 1 / (1 + np.exp(-odds))
    table = _orders(rng, day, lead)
    delay = np.where(late, 1 + rng.gamma(1.2, 14, SHIPMENTS).round(), -rng.geometric(0.25, SHIPMENTS) + 1)
    delivered = table["scheduled"] + pd.to_timedelta(delay, unit="D")
    tardy = np.where(rng.random(SHIPMENTS) < 0.15, rng.integers(1, 20, SHIPMENTS), 0)
    return table.assign(
        vendor=[f"Vendor {chr(ord('A') + one)}" for one in vendor],
        country=np.array(list(COUNTRIES))[country],
        mode=np.array(MODES)[mode],
        delivered=delivered,
        recorded=delivered + pd.to_timedelta(tardy, unit="D"),
    )


def _tempers(rng: np.random.Generator) -> Floats:
    """Return the log odds of being late, by vendor and day: a habit, a slow drift, and bad periods."""
    habit = rng.normal(-2.2, 0.8, (VENDORS, 1))
    months = rng.normal(0, 0.25, (VENDORS, DAYS // 30 + 2)).cumsum(axis=1)
    drift = np.repeat(months - months.mean(axis=1, keepdims=True), 30, axis=1)[:, :DAYS]
    tempers: Floats = habit + drift
    for number in range(VENDORS):
        for start in np.flatnonzero(rng.random(DAYS) < 1 / 700):
            tempers[number, start : start + int(rng.integers(90, 240))] += 2.5
    return tempers


def _orders(rng: np.random.Generator, day: npt.NDArray[np.int64], lead: Floats) -> pd.DataFrame:
    """Return what is ordered and when, without outcomes."""
    count = len(day)
    scheduled = pd.Timestamp(FIRST_DAY) + pd.to_timedelta(day, unit="D")
    group, kind = np.array(PRODUCTS)[rng.choice(len(PRODUCTS), count, p=(0.6, 0.2, 0.15, 0.05))].T
    quantity = np.maximum(1, np.exp(rng.normal(8, 1.8, count)).round())
    pack_size = rng.choice((20, 30, 60, 100, 240), count)
    ordered = pd.Series(scheduled - pd.to_timedelta(lead, unit="D"))
    weight = (quantity * pack_size * 0.002).round(1)
    return pd.DataFrame(
        {
            "scheduled": scheduled,
            "ordered": ordered.mask(rng.random(count) < 0.3),
            "fulfilment": np.where(rng.random(count) < 0.3, "stock", "direct"),
            "incoterm": np.array(TERMS)[rng.choice(len(TERMS), count, p=(0.5, 0.25, 0.15, 0.1))],
            "product_group": group,
            "product_class": kind,
            "quantity": quantity.astype(int),
            "value": (quantity * pack_size * rng.gamma(2, 0.06, count)).round(2),
            "pack_size": pack_size,
            "weight": np.where(rng.random(count) < 0.35, np.nan, weight),
            "first_line": rng.choice(("yes", "no"), count, p=(0.7, 0.3)),
        }
    )
