"""LightGBM boosters as one ONNX `TreeEnsembleRegressor` node.

It is built from the booster's own dump. LightGBM compares with float64 thresholds: `x <= threshold` goes left.
The node compares `x < limit` with the smallest float32 above it; every float32 feature takes the same side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from training.onnx.forest import rounded_down
from training.onnx.trees import ensemble_node

__all__ = ["lightgbm_node"]

NODE_FIELDS = ("left_children", "right_children", "split_indices", "split_conditions", "default_left")
NO_CHILD = -1
ZERO = float(np.float32(1e-35))
"""LightGBM takes values that are not further from 0 for 0."""


def lightgbm_node(booster: Any, input_name: str, output_name: str) -> onnx.NodeProto:
    """A node from FP32 [n, features] to FP32 [n, outputs], up to the booster's best iteration.

    It supports numeric splits. The output is the raw score: the prediction itself for most objectives, the log
    odds of class 1 for `binary`, a score of each class for `multiclass`, whose softmax gives the probabilities.
    Raises `ValueError` for other boosters.
    """
    dump = booster.dump_model()
    if dump["average_output"]:
        raise ValueError("a random forest of LightGBM cannot be exported; use the boosting gbdt or dart")
    outputs = dump["num_tree_per_iteration"]
    trees = [_tree(number, info["tree_structure"]) for number, info in enumerate(dump["tree_info"])]
    targets = [number % outputs for number in range(len(trees))]
    return ensemble_node(trees, targets, np.zeros(outputs, np.float32), input_name, output_name)


def _tree(number: int, root: dict[str, Any]) -> dict[str, Any]:
    """One tree in the layout of XGBoost's JSON, which `ensemble_node` takes."""
    made: dict[str, Any] = {name: [] for name in NODE_FIELDS}
    waiting: list[tuple[dict[str, Any], str, int]] = [(root, "", 0)]
    while waiting:
        node, side, parent = waiting.pop()
        place = len(made["left_children"])
        if side:
            made[side][parent] = place
        if "split_feature" not in node:
            if "leaf_coeff" in node:
                raise ValueError(f"tree {number}: linear leaves cannot be exported; leave out linear_tree")
            cells: tuple[Any, ...] = (NO_CHILD, NO_CHILD, 0, node["leaf_value"], False)
        else:
            missing_left = _missing_goes_left(number, node)
            cells = (0, 0, node["split_feature"], _limit(node["threshold"]), missing_left)
            waiting += [(node[f"{which}_child"], f"{which}_children", place) for which in ("right", "left")]
        for name, cell in zip(NODE_FIELDS, cells, strict=True):
            made[name].append(cell)
    return {**made, "tree_param": {"size_leaf_vector": "0"}}


def _limit(threshold: float) -> float:
    """The smallest float32 that goes right."""
    if abs(threshold) <= ZERO:
        threshold = -np.nextafter(ZERO, 1) if threshold < 0 else ZERO
    with np.errstate(over="ignore"):  # a split of what is missing from what is not is at 1e300
        down = rounded_down(np.array([threshold], np.float64))[0]
        return float(np.nextafter(down, np.float32(np.inf)))


def _missing_goes_left(number: int, node: dict[str, Any]) -> bool:
    if node["decision_type"] != "<=":
        raise ValueError(f"tree {number}: categorical splits cannot be exported; use numeric splits")
    if node["missing_type"] == "Zero":
        raise ValueError(
            f"tree {number}: zeros that count as missing cannot be exported; leave out zero_as_missing"
        )
    # A column without missing values in the fit has no direction for them: LightGBM takes them for 0.
    return bool(node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0)
