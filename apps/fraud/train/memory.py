"""The memory: normal records that the model keeps, and a record as those most like it tell it, in NumPy.

What a network tells may be right for a record that is far from every normal one. The memory sees that: it can tell
a record only by records that were there. Few are enough, and a random part of all keeps what is rare out of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["MEMORY_RECORDS", "NEAR", "SHARPNESS", "fit_memory", "recalled"]

Floats = npt.NDArray[np.float32]

MEMORY_RECORDS = 1024
"""The largest number of records in the memory."""
SHARPNESS = 4
"""A record of the memory is weighted by its squared distance to the power of minus this."""
NEAR = 1e-6
"""The smallest squared distance: a record may itself be in the memory."""
CHUNK = 2048


def fit_memory(values: Floats, seed: int) -> Floats:
    """Return a random part of the normal records, [k, d], from scaled `values`, [n, d], with 0 where missing."""
    memory: Floats = values[np.random.default_rng(seed).permutation(len(values))[:MEMORY_RECORDS]]
    return memory


def recalled(memory: Floats, values: Floats, known: Floats) -> Floats:
    """Predict each record, [n, d], as the mean of the records in the memory, [k, d]; near records weigh most.

    Distances use only the known values. `known` is 1 for them; for a missing value it is 0, and so is the value.
    """
    parts = [np.empty((0, memory.shape[1]), np.float32)]
    # Differences of large squares: single precision would leave little of the small ones.
    exact = memory.astype(np.float64)
    for start in range(0, len(values), CHUNK):
        rows, seen = (part[start : start + CHUNK].astype(np.float64) for part in (values, known))
        far = np.square(rows).sum(axis=1, keepdims=True) - 2 * rows @ exact.T + seen @ np.square(exact).T
        far = np.maximum(far, NEAR)
        weights = (far.min(axis=1, keepdims=True) / far) ** SHARPNESS
        parts.append((weights / weights.sum(axis=1, keepdims=True) @ exact).astype(np.float32))
    return np.concatenate(parts)
