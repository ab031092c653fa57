"""Made-up tables and models for the fraud app's tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from apps.fraud.schema import FraudContext
from apps.fraud.train.model import FraudModel, fit_scaling
from apps.fraud.train.network import build

NAMES = ("amount", "hour", "items")
CONTEXT = FraudContext(features=NAMES, medium=2.0, high=4.0, alert_budget=0.01, watch_budget=0.05)


def raw(rows: int = 400, anomalies: int = 20, seed: int = 0) -> pd.DataFrame:
    """Three features and `label`; a tenth of the rows repeat."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 3)).round(3)
    features[:, 2] = features[:, 0] + 0.1 * features[:, 1]
    features[:anomalies, 2] += 3
    features[rows // 2 : rows // 2 + rows // 10] = features[rows // 2 - rows // 10 : rows // 2]
    label = (np.arange(rows) < anomalies).astype(int)
    frame = pd.DataFrame(features, columns=NAMES)
    return frame.assign(label=label).sample(frac=1, random_state=seed).reset_index(drop=True)


def model(seed: int = 0) -> FraudModel:
    """A model of three features whose networks have learned nothing: fast to make, and no output is zero."""
    torch.manual_seed(seed)
    networks = build(len(NAMES)).eval()
    features = raw().drop(columns="label").to_numpy(np.float32)
    scaling = fit_scaling(features)
    memory = scaling.apply(features[:100])[0]
    typical = np.linspace(0.4, 0.9, 15, dtype=np.float32).reshape(5, 3)
    return FraudModel(scaling, networks, memory, typical, CONTEXT)


def wild_copies(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    """Eight columns and eight copies with a small error, and 6 % positives that no alert can find.

    Their error is 1.2 times as large, and 4 % of the normal records have wild errors.
    """
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(rows, 8))
    label = (rng.random(rows) < 0.06).astype(int)
    size = np.where(label == 1, 1.2, np.where(rng.random(rows) < 0.04, 20.0, 1.0))
    copies = columns + 0.1 * size[:, None] * rng.normal(size=(rows, 8))
    names = [f"{kind}_{number}" for kind in ("column", "copy") for number in range(8)]
    return pd.DataFrame(np.hstack([columns, copies]), columns=names).assign(label=label)
