"""The memory: normal records that the model keeps, and a record as those most like it tell it, in NumPy.

What a network tells may be right for a record that is far from every normal one. The memory sees that: it can tell
a record only by records that were there. Few are enough, and a random part of all keeps what is rare out of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["KEPT", "NEAR", "SHARPNESS", "fit_memory", "recalled"]

Floats = npt.NDArray[np.float32]

KEPT = 1024
"""Most records that are kept."""
SHARPNESS = 4
"""A kept record counts by its squared distance to minus this power."""
NEAR = 1e-6
"""Squared distances count as at least this: a record may be one that is kept."""
CHUNK = 2048


def fit_memory(values: Floats, seed: int) -> Floats:
    """A random part of the normal records, [k, d], scaled and 0 where missing as `values` are, [n, d]."""
    kept: Floats = values[np.random.default_rng(seed).permutation(len(values))[:KEPT]]
    return kept


def recalled(kept: Floats, values: Floats, known: Floats) -> Floats:
    """Each record as the kept ones, [k, d], tell it, [n, d]: their mean, those near it counting most.

    Distances are over the values that are known (1; 0 where missing, and the value 0 with it).
    """
    parts = [np.empty((0, kept.shape[1]), np.float32)]
    # Differences of large squares: single precision would leave little of the small ones.
    exact = kept.astype(np.float64)
    for start in range(0, len(values), CHUNK):
        rows, seen = (part[start : start + CHUNK].astype(np.float64) for part in (values, known))
        far = np.square(rows).sum(axis=1, keepdims=True) - 2 * rows @ exact.T + seen @ np.square(exact).T
        far = np.maximum(far, NEAR)
        weights = (far.min(axis=1, keepdims=True) / far) ** SHARPNESS
        parts.append((weights / weights.sum(axis=1, keepdims=True) @ exact).astype(np.float32))
    return np.concatenate(parts)
