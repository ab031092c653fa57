"""The values where trees of scikit-learn split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["split_values"]


def split_values(model: Any) -> dict[int, list[float]]:
    """Split values by column of a tree, a forest or boosted trees; empty for any other estimator."""
    found: dict[int, set[float]] = {}
    for columns, values in _splits(model):
        for column, value in zip(columns.tolist(), values.tolist(), strict=True):
            found.setdefault(column, set()).add(value)
    return {column: sorted(values) for column, values in sorted(found.items())}


def _splits(model: Any) -> Iterator[tuple[Any, Any]]:
    """Columns and values of the splits of each tree."""
    for predictor in np.ravel(np.array(getattr(model, "_predictors", ()), object)):
        nodes = predictor.nodes[(predictor.nodes["is_leaf"] == 0) & (predictor.nodes["is_categorical"] == 0)]
        yield nodes["feature_idx"], nodes["num_threshold"]
    members = np.ravel(np.array(getattr(model, "estimators_", ()), object)).tolist()
    for tree in (getattr(one, "tree_", None) for one in [model, *members]):
        if tree is not None:
            inner = tree.children_left != -1
            yield tree.feature[inner], tree.threshold[inner]
