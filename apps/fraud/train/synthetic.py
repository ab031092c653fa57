"""Synthetic card payments, used if no data is given.

The shop's usual amount, the customer's distance and the hour are correlated. Most frauds are ordinary in every
single column and unusual only in combination. A rule that checks one column at a time cannot detect them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["generate"]

ROWS = 9000
FRAUDS = 360
REPEATED = 40
MISSING = 0.01


def generate(seed: int) -> pd.DataFrame:
    """Return eight features (currency units, hours, km, days, counts) and `label` (1: fraud); rows may repeat."""
    rng = np.random.default_rng(seed)
    good, bad = _payments(rng, ROWS - FRAUDS), _payments(rng, FRAUDS)
    kind = rng.integers(0, 4, FRAUDS)
    others = _payments(rng, FRAUDS)
    # Each kind of fraud takes some columns from another payment: plausible alone, wrong in combination.
    for number, names in enumerate(
        (["amount"], ["distance", "hour"], ["items", "balance_ratio"], ["amount", "hour"])
    ):
        chosen = kind == number
        for name in names:
            bad.loc[chosen, name] = others.loc[chosen, name].to_numpy()[::-1]
    large = rng.random(FRAUDS) < 0.1
    bad.loc[large, "payments_day"] += 15
    table = pd.concat([good.assign(label=0), bad.assign(label=1)], ignore_index=True)
    for name in ("distance", "balance_ratio"):
        table.loc[rng.random(len(table)) < MISSING, name] = np.nan
    again = table.sample(n=REPEATED, random_state=int(rng.integers(2**31)))
    return pd.concat([table, again]).sample(frac=1, random_state=int(rng.integers(2**31))).reset_index(drop=True)


def _payments(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return normal payments; two latent causes (price level and distance from home) affect all columns."""
    dear, far = rng.normal(size=rows), rng.normal(size=rows)
    items = np.exp(1.0 + 0.8 * dear + 0.1 * rng.normal(size=rows)).round() + 1
    mean = np.exp(3.0 + 1.0 * dear)
    return pd.DataFrame(
        {
            "amount": (mean * np.exp(0.1 * rng.normal(size=rows))).round(2),
            "hour": (13 + 3.5 * np.tanh(far) + 0.4 * rng.normal(size=rows)).clip(0, 24).round(2),
            "items": items,
            "merchant_mean": mean.round(2),
            "distance": np.exp(1.5 + 0.9 * far + 0.1 * rng.normal(size=rows)).round(2),
            "account_days": (900 + 300 * far + 40 * rng.normal(size=rows)).clip(0).round(),
            "payments_day": rng.poisson(2.0, rows).astype(float),
            "balance_ratio": (0.05 + 0.02 * dear + 0.003 * rng.normal(size=rows)).clip(0).round(4),
        }
    )
