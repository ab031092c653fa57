"""XGBoost boosters as one ONNX `TreeEnsembleRegressor` node.

It is built from the booster's own JSON, so it is exact: thresholds are the float32 values that XGBoost compares
with (`x < threshold` goes left), a missing value follows the trained default direction, and every output has its
own base score.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

__all__ = ["ensemble_node", "thresholds", "tree_node"]


def tree_node(booster: Any, input_name: str, output_name: str) -> onnx.NodeProto:
    """A node from FP32 [n, features] to FP32 [n, outputs].

    It supports numeric splits and one output per tree. The output is the margin: the prediction itself for most
    objectives, the log odds of class 1 for `binary:logistic`, a score of each class for `multi:softprob`, whose
    softmax gives the probabilities. Raises `ValueError` for other boosters.
    """
    learner = _learner(booster)
    model = learner["gradient_booster"]["model"]
    return ensemble_node(model["trees"], model["tree_info"], _base_scores(learner), input_name, output_name)


def ensemble_node(
    trees: Sequence[dict[str, Any]],
    targets: Sequence[int],
    bases: npt.NDArray[np.float32],
    input_name: str,
    output_name: str,
    scales: Sequence[float] | None = None,
) -> onnx.NodeProto:
    """A node from FP32 [n, features] to FP32 [n, outputs], of trees as they are in a booster's JSON.

    `targets` has the output that each tree adds to, or its first one if its leaves are vectors, and `scales` the
    factor of its leaves. Splits may be numeric or of categories.
    """
    attributes: dict[str, list[Any]] = {name: [] for name in (*_NODE_FIELDS, *_LEAF_FIELDS)}
    for number, (tree, target) in enumerate(zip(trees, targets, strict=True)):
        _add_tree(attributes, number, target, tree, 1.0 if scales is None else scales[number])
    return helper.make_node(
        "TreeEnsembleRegressor",
        [input_name],
        [output_name],
        domain="ai.onnx.ml",
        n_targets=len(bases),
        aggregate_function="SUM",
        post_transform="NONE",
        base_values=[float(base) for base in bases],
        **attributes,
    )


def thresholds(booster: Any) -> dict[int, npt.NDArray[np.float32]]:
    """The split values by feature column, ascending: the values at which a row's path may change."""
    found: dict[int, set[float]] = {}
    for tree in _learner(booster)["gradient_booster"]["model"]["trees"]:
        for left, column, value in zip(
            tree["left_children"], tree["split_indices"], tree["split_conditions"], strict=True
        ):
            if left != -1:
                found.setdefault(column, set()).add(value)
    return {column: np.array(sorted(values), dtype=np.float32) for column, values in sorted(found.items())}


_NODE_FIELDS = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_modes",
    "nodes_values",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
)
_LEAF_FIELDS = ("target_treeids", "target_nodeids", "target_ids", "target_weights")
_LOGISTIC = "binary:logistic"
_OBJECTIVES = (
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:quantileerror",
    "reg:pseudohubererror",
    "multi:softprob",
    _LOGISTIC,
)


def _learner(booster: Any) -> dict[str, Any]:
    learner: dict[str, Any] = json.loads(booster.save_raw("json"))["learner"]
    objective = learner["objective"]["name"]
    if objective not in _OBJECTIVES:
        raise ValueError(f"objective {objective} cannot be exported; use one of {', '.join(_OBJECTIVES)}")
    if learner["gradient_booster"]["name"] != "gbtree":
        raise ValueError("the booster cannot be exported; use the booster gbtree")
    for number, tree in enumerate(learner["gradient_booster"]["model"]["trees"]):
        if any(tree["split_type"]) or int(tree["tree_param"]["size_leaf_vector"]) > 1:
            raise ValueError(
                f"tree {number}: categorical splits and vector leaves cannot be exported; use numeric splits"
            )
    return learner


def _base_scores(learner: dict[str, Any]) -> npt.NDArray[np.float32]:
    """One base score per output. XGBoost 3 writes a bracketed list, earlier versions a single number."""
    text = learner["learner_model_param"]["base_score"]
    values = json.loads(text) if text.startswith("[") else [float(text)]
    targets = 1 + max(learner["gradient_booster"]["model"]["tree_info"], default=0)
    if len(values) not in (1, targets):
        raise ValueError(f"{len(values)} base scores for {targets} outputs")
    if learner["objective"]["name"] == _LOGISTIC:
        # XGBoost stores a probability but adds log odds.
        values = [float(np.log(value / (1 - value))) for value in values]
    return np.broadcast_to(np.array(values, dtype=np.float32), (targets,))


def _add_tree(
    attributes: dict[str, list[Any]], number: int, target: int, tree: dict[str, Any], scale: float
) -> None:
    columns = (tree[name] for name in ("left_children", "right_children", "split_indices", "split_conditions"))
    rows = zip(*columns, tree["default_left"], strict=True)
    sets = _categories(tree)
    width = int(tree["tree_param"]["size_leaf_vector"])
    free = len(tree["left_children"])
    for node, (left, right, feature, value, default_left) in enumerate(rows):
        if left == -1:
            _extend(attributes, _NODE_FIELDS, (number, node, 0, "LEAF", 0.0, 0, 0, 0))
            # A leaf with a vector has the vector's number where others have their right child.
            weights = [value] if width <= 1 else tree["leaf_weights"][right * width : (right + 1) * width]
            for output, weight in enumerate(weights, target):
                _extend(attributes, _LEAF_FIELDS, (number, node, output, weight * scale))
            continue
        if node not in sets:
            cells = (number, node, feature, "BRANCH_LT", value, left, right, int(default_left))
            _extend(attributes, _NODE_FIELDS, cells)
            continue
        # One comparison after the other: a category of the set goes right, any other one left.
        ids = [node, *range(free, free + len(sets[node]) - 1)]
        free += len(ids) - 1
        for at, category, after in zip(ids, sets[node], [*ids[1:], left], strict=True):
            cells = (number, at, feature, "BRANCH_EQ", float(category), right, after, int(not default_left))
            _extend(attributes, _NODE_FIELDS, cells)


def _categories(tree: dict[str, Any]) -> dict[int, list[int]]:
    """Node -> the categories that go right; a set without any has one that no row has."""
    segments = zip(
        tree.get("categories_nodes", ()),
        tree.get("categories_segments", ()),
        tree.get("categories_sizes", ()),
        strict=True,
    )
    return {node: tree["categories"][start : start + size] or [-1] for node, start, size in segments}


def _extend(attributes: dict[str, list[Any]], names: Sequence[str], cells: Sequence[Any]) -> None:
    for name, cell in zip(names, cells, strict=True):
        attributes[name].append(cell)
