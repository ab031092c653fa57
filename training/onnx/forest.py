"""scikit-learn's trees as one ONNX `TreeEnsembleRegressor` node.

It is built from the trees' own arrays. scikit-learn compares float32 features with float64 thresholds: `x <=
threshold` goes left. Each threshold is rounded down to a float32; every float32 feature takes the same side of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

__all__ = ["forest_node", "forest_thresholds", "rounded_down"]

Floats = npt.NDArray[Any]

LEAF = -1
"""The child index that marks a leaf."""


def forest_node(
    trees: Sequence[Any],
    leaves: Sequence[Floats],
    input_name: str,
    output_name: str,
    columns: npt.NDArray[np.intp] | None = None,
) -> onnx.NodeProto:
    """A node from FP32 [n, features] to FP32 [n, outputs]: the sum of the leaf values over the trees.

    `trees` are `sklearn.tree._tree.Tree` objects. `leaves` has an array [nodes, outputs] for each tree: the values
    that a node adds when a row ends in it. Zeros are not stored. `columns` maps the features of the fit to columns
    of the input. Impute missing values first: they would go right.
    """
    parts = [_branches(tree) for tree in trees]
    counts = [tree.node_count for tree in trees]
    weights = [
        _weights(number, tree, values) for number, (tree, values) in enumerate(zip(trees, leaves, strict=True))
    ]
    features, modes, values, true, false = (np.concatenate(each) for each in zip(*parts, strict=True))
    if columns is not None:
        features = columns[features]
    treeids, nodeids, ids, kept = (np.concatenate(each) for each in zip(*weights, strict=True))
    return helper.make_node(
        "TreeEnsembleRegressor",
        [input_name],
        [output_name],
        domain="ai.onnx.ml",
        n_targets=leaves[0].shape[1],
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=np.repeat(np.arange(len(trees)), counts).tolist(),
        nodes_nodeids=np.concatenate([np.arange(count) for count in counts]).tolist(),
        nodes_featureids=features.tolist(),
        nodes_modes=modes.tolist(),
        nodes_values=values.tolist(),
        nodes_truenodeids=true.tolist(),
        nodes_falsenodeids=false.tolist(),
        target_treeids=treeids.tolist(),
        target_nodeids=nodeids.tolist(),
        target_ids=ids.tolist(),
        target_weights=kept.tolist(),
    )


def forest_thresholds(trees: Sequence[Any]) -> dict[int, npt.NDArray[np.float32]]:
    """The split values of the graph by feature column, ascending."""
    columns = np.concatenate([tree.feature[tree.children_left != LEAF] for tree in trees])
    values = np.concatenate([rounded_down(tree.threshold[tree.children_left != LEAF]) for tree in trees])
    return {int(column): np.unique(values[columns == column]) for column in np.unique(columns)}


def rounded_down(values: Floats) -> npt.NDArray[np.float32]:
    """The largest float32 that is not above each float64."""
    near = values.astype(np.float32)
    above = near.astype(np.float64) > values
    down: npt.NDArray[np.float32] = np.where(above, np.nextafter(near, np.float32(-np.inf)), near)
    return down


def _branches(tree: Any) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Feature, mode, threshold and children of every node of one tree."""
    leaf = tree.children_left == LEAF
    return (
        np.where(leaf, 0, tree.feature),
        np.where(leaf, "LEAF", "BRANCH_LEQ"),
        np.where(leaf, np.float32(0), rounded_down(tree.threshold)),
        np.where(leaf, 0, tree.children_left),
        np.where(leaf, 0, tree.children_right),
    )


def _weights(number: int, tree: Any, values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Tree, node, output and weight of the leaf values of one tree. Every leaf has at least its first output."""
    leaf = tree.children_left == LEAF
    there = (values != 0) & leaf[:, None]
    there[leaf & ~there.any(axis=1), 0] = True
    nodes, outputs = np.nonzero(there)
    return np.full(len(nodes), number), nodes, outputs, values[nodes, outputs].astype(np.float32)
