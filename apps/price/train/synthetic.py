"""Synthetic onion markets, used if no data is given: the same seed gives the same table, bit for bit.

A region's price follows the season, a world index with a lag of three weeks, and decaying shocks. Each market adds
a slower deviation of its own, the distance to the port, and daily noise. Because of the noise and the decaying
shocks, the latest price is not the best forecast.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["MARKETS", "YEARS", "generate"]

Floats = npt.NDArray[np.float64]

MARKETS = (
    ("Anandpur", "Karnataka", 410.0),
    ("Belavadi", "Karnataka", 190.0),
    ("Chandgaon", "Maharashtra", 165.0),
    ("Devgiri", "Maharashtra", 310.0),
    ("Elampur", "Tamil Nadu", 60.0),
    ("Ganeshpet", "Karnataka", 350.0),
    ("Hariharpura", "Karnataka", 270.0),
    ("Jalagiri", "Maharashtra", 420.0),
    ("Kaveripatti", "Tamil Nadu", 140.0),
    ("Lakshmikere", "Karnataka", 330.0),
    ("Madhavgarh", "Madhya Pradesh", 690.0),
    ("Nandikoppa", "Karnataka", 230.0),
)
"""Name, state, km to the nearest port. The names are invented."""
FIRST_DAY = "2019-01-01"
YEARS = 5
WORLD_LAG = 21


def generate(seed: int) -> pd.DataFrame:
    """Return about 17,000 rows in the plain layout: market, date, price, arrival, commodity, location, indicators.

    As in real tables, there are closed days, longer gaps, days without a price and repeated days.
    """
    rng = np.random.default_rng(seed)
    days = pd.date_range(FIRST_DAY, periods=YEARS * 365 + WORLD_LAG, freq="D")
    world = _fading(rng, len(days), half_life=150, step=0.012)
    crude = _fading(rng, len(days), half_life=200, step=0.015)
    rupee = _fading(rng, len(days), half_life=300, step=0.003)
    region = _season(days) + 0.8 * np.roll(world, WORLD_LAG) + _fading(rng, len(days), half_life=25, step=0.022)
    region += _shocks(rng, len(days))
    indicators = pd.DataFrame(
        {
            "date": days,
            "world_index": (100 * np.exp(world)).round(1),
            "exchange_rate": (72 * np.exp(rupee)).round(2),
            "crude": (65 * np.exp(crude)).round(2),
        }
    )[WORLD_LAG:]
    tables = [
        _market(rng, days, region, crude, name, state, distance).merge(indicators, on="date")
        for name, state, distance in MARKETS
    ]
    table = pd.concat(tables, ignore_index=True)
    table.insert(4, "commodity", "onion")
    return table


def _market(
    rng: np.random.Generator,
    days: pd.DatetimeIndex,
    region: Floats,
    crude: Floats,
    name: str,
    state: str,
    distance: float,
) -> pd.DataFrame:
    level = np.log(1500) + rng.normal(0, 0.08) - 0.0002 * distance * (1 + crude)
    own = _fading(rng, len(days), half_life=12, step=0.02)
    noise = rng.normal(0, 0.05, len(days)) * np.where(rng.random(len(days)) < 0.03, 5, 1)
    price = np.exp(level + region + own + noise).round(-1)
    tonnes = np.exp(rng.normal(4.5, 0.8) - 0.8 * (region - region.mean()) + rng.normal(0, 0.3, len(days)))
    frame = pd.DataFrame(
        {
            "market": name,
            "date": days,
            "price": np.where(rng.random(len(days)) < 0.01, np.nan, price),
            "arrival": tonnes.round(1),
            "port_distance": distance,
            "state": state,
        }
    )
    open_days = (days.dayofweek != 6) & (rng.random(len(days)) > 0.08) & ~_closures(rng, len(days))
    frame = frame[open_days]
    return pd.concat([frame, frame.sample(n=5, random_state=int(rng.integers(2**31)))]).sort_index()


def _fading(rng: np.random.Generator, count: int, half_life: float, step: float) -> Floats:
    """Return a random walk that reverts to zero with the half-life `half_life` in days."""
    keep = 0.5 ** (1 / half_life)
    moves = rng.normal(0, step, count)
    walk = np.empty(count)
    value = 0.0
    for day, move in enumerate(moves.tolist()):
        value = keep * value + move
        walk[day] = value
    return walk


def _season(days: pd.DatetimeIndex) -> Floats:
    """Return the seasonal component: high before the kharif harvest, low after the rabi harvest."""
    angle = 2 * np.pi * (days.dayofyear.to_numpy() - 290) / 365.25
    season: Floats = 0.30 * np.cos(angle) + 0.08 * np.cos(2 * angle)
    return season


def _shocks(rng: np.random.Generator, count: int) -> Floats:
    """Return a few supply shocks a year, which start suddenly and decay within weeks."""
    total = np.zeros(count)
    for start in np.flatnonzero(rng.random(count) < 3 / 365):
        age = np.arange(count - start)
        total[start:] += rng.normal(0.15, 0.12) * 0.5 ** (age / 15)
    return total


def _closures(rng: np.random.Generator, count: int) -> npt.NDArray[np.bool_]:
    """Return the weeks in which a market is closed."""
    shut = np.zeros(count, dtype=bool)
    for start in np.flatnonzero(rng.random(count) < 1 / 365):
        shut[start : start + int(rng.integers(7, 40))] = True
    return shut
