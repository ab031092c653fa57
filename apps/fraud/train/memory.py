"""The memory: stored normal records that predict a record from the most similar ones, in NumPy.

A network may reconstruct a record well although it is far from every normal record. The memory detects such a
record because it predicts only from stored records. A small random sample is enough, and it mostly leaves out rare
records.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["MEMORY_RECORDS", "NEAR", "SHARPNESS", "fit_memory", "recalled"]

Floats = npt.NDArray[np.float32]

MEMORY_RECORDS = 1024
"""Maximum number of records in the memory."""
SHARPNESS = 4
"""A stored record is weighted by its squared distance to the power of minus this."""
NEAR = 1e-6
"""Minimum squared distance, because a record may itself be in the memory."""
CHUNK = 2048


def fit_memory(values: Floats, seed: int) -> Floats:
    """Return a random sample, [k, d], of the normal records in scaled `values`, [n, d]; missing values are 0."""
    memory: Floats = values[np.random.default_rng(seed).permutation(len(values))[:MEMORY_RECORDS]]
    return memory


def recalled(memory: Floats, values: Floats, known: Floats) -> Floats:
    """Predict each record, [n, d], as the weighted mean of the memory's records, [k, d]; near records weigh most.

    Distances use only the known values. `known` is 1 for known and 0 for missing values; a missing value is 0.
    """
    parts = [np.empty((0, memory.shape[1]), np.float32)]
    # Double precision, because small differences of large squares lose precision in single precision.
    exact = memory.astype(np.float64)
    for start in range(0, len(values), CHUNK):
        rows, seen = (part[start : start + CHUNK].astype(np.float64) for part in (values, known))
        far = np.square(rows).sum(axis=1, keepdims=True) - 2 * rows @ exact.T + seen @ np.square(exact).T
        far = np.maximum(far, NEAR)
        weights = (far.min(axis=1, keepdims=True) / far) ** SHARPNESS
        parts.append((weights / weights.sum(axis=1, keepdims=True) @ exact).astype(np.float32))
    return np.concatenate(parts)
