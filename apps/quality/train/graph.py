"""The quality model as one ONNX graph, with the same steps as `QualityModel.predict`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from apps.quality.serve.columns import DEVIATION_START, FEATURES, HISTORY_COLUMN, LEAST_HISTORY
from apps.quality.serve.decide import OUTPUTS
from apps.quality.train.model import FURTHEST, LEAST_PROBABILITY, Grader, QualityModel, Watch, pairs
from training.onnx.export import assemble
from training.onnx.forest import forest_node, forest_thresholds

__all__ = ["graph", "split_values"]

Floats = npt.NDArray[Any]
LEAF = -1


def graph(model: QualityModel) -> onnx.ModelProto:
    """Return one graph with the app's input and outputs."""
    score, probabilities, anomaly = OUTPUTS
    nodes = [*_filled(), *_directions(model), *_grades(model), *_score(model), *_anomaly(model)]
    return assemble(
        "quality",
        nodes,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["row", len(FEATURES)])],
        [
            helper.make_tensor_value_info(score, TensorProto.FLOAT, ["row", 1]),
            helper.make_tensor_value_info(probabilities, TensorProto.FLOAT, ["row", "grade"]),
            helper.make_tensor_value_info(anomaly, TensorProto.FLOAT, ["row", 1]),
        ],
        _constants(model),
    )


def split_values(model: QualityModel) -> dict[int, npt.NDArray[np.float32]]:
    """Return every value at which a row's path changes, by input column, without columns derived from several."""
    width = len(model.context.features)
    graders = (model.whole, model.patchy)
    grades = forest_thresholds([tree.tree_ for one in graders for tree in one.forest.estimators_])
    found = {column: values for column, values in grades.items() if column < width}
    trees = [tree.tree_ for watch in (model.crowd, model.own) for tree in watch.forest.estimators_]
    watched = forest_thresholds(trees)
    return found | {DEVIATION_START + column: watched[column] for column in watched if column < width}


def _constants(model: QualityModel) -> dict[str, Floats]:
    context = model.context
    width = len(context.features)
    center = np.array(context.center, dtype=np.float32)
    return {
        "measures": np.arange(width),
        "deviations": np.arange(DEVIATION_START, DEVIATION_START + width),
        "history_at": np.array([HISTORY_COLUMN]),
        "center": center,
        "center_64": center.astype(np.float64),
        "spread_64": np.array(context.spread),
        "nearest": np.array(-FURTHEST),
        "furthest": np.array(FURTHEST),
        "axes": model.axes,
        "least_probability": np.array(LEAST_PROBABILITY, dtype=np.float32),
        "whole_slope": np.array(model.whole.slope, dtype=np.float32),
        "patchy_slope": np.array(model.patchy.slope, dtype=np.float32),
        "zero": np.array(0, dtype=np.float32),
        "least_history": np.array(LEAST_HISTORY, dtype=np.float32),
        "across": np.array([1]),
        "every_grade": np.ones(len(context.grades), dtype=np.bool_),
        **_score_constants(context.values),
        **_pair_constants(model),
        "crowd_threshold": np.array(model.crowd.threshold, dtype=np.float32),
        "own_threshold": np.array(model.own.threshold, dtype=np.float32),
    }


def _score_constants(values: tuple[float, ...]) -> dict[str, Floats]:
    if values:
        return {"values": np.array(values, dtype=np.float32)[:, None]}
    return {"hundred": np.array(100, dtype=np.float32)}


def _pair_constants(model: QualityModel) -> dict[str, Floats]:
    return (
        dict(zip(("left", "right"), pairs(len(model.context.features)), strict=True)) if _products(model) else {}
    )


def _products(model: QualityModel) -> bool:
    return len(model.axes) > len(model.context.features)


def _filled() -> list[onnx.NodeProto]:
    """Return the measurements with missing values replaced by the median lot's."""
    node = helper.make_node
    return [
        node("Gather", ["features", "measures"], ["measured"], axis=1),
        node("IsNaN", ["measured"], ["missing"]),
        node("Where", ["missing", "center", "measured"], ["filled"]),
    ]


def _directions(model: QualityModel) -> list[onnx.NodeProto]:
    """Add `in_spreads`, `terms` and the discriminants, in double, so sums in any order give the same float."""
    node = helper.make_node
    nodes = [
        node("Cast", ["filled"], ["filled_64"], to=TensorProto.DOUBLE),
        node("Sub", ["filled_64", "center_64"], ["from_center"]),
        node("Div", ["from_center", "spread_64"], ["in_spreads"]),
        node("Clip", ["in_spreads", "nearest", "furthest"], ["cut_off"]),
    ]
    last = "cut_off"
    if _products(model):
        last = "terms"
        nodes += [
            node("Gather", ["cut_off", "left"], ["left_of"], axis=1),
            node("Gather", ["cut_off", "right"], ["right_of"], axis=1),
            node("Mul", ["left_of", "right_of"], ["products"]),
            node("Concat", ["cut_off", "products"], [last], axis=1),
        ]
    return [
        *nodes,
        node("MatMul", [last, "axes"], ["directed_64"]),
        node("Cast", ["directed_64"], ["directed"], to=TensorProto.FLOAT),
        node("Concat", ["filled", "directed"], ["seen"], axis=1),
    ]


def _grades(model: QualityModel) -> list[onnx.NodeProto]:
    """Add both graders; a missing measurement decides which of them answers."""
    node = helper.make_node
    return [
        *_grader(model.whole, "whole"),
        *_grader(model.patchy, "patchy"),
        node("Cast", ["missing"], ["missing_32"], to=TensorProto.INT32),
        node("ReduceMax", ["missing_32", "across"], ["holes_32"], keepdims=1),
        node("Cast", ["holes_32"], ["holes"], to=TensorProto.BOOL),
        node("Where", ["holes", "patchy_stated", "whole_stated"], ["stated"]),
        # Keeps all of them. Versions differ in their number of grades but share one Triton configuration. It may
        # leave an output axis dynamic only if the graph does.
        node("Compress", ["stated", "every_grade"], [OUTPUTS[1]], axis=1),
    ]


def _grader(grader: Grader, name: str) -> list[onnx.NodeProto]:
    """Add the forest and `calibrated`."""
    node = helper.make_node
    trees = [tree.tree_ for tree in grader.forest.estimators_]
    leaves = [tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True) / len(trees) for tree in trees]
    return [
        forest_node(trees, leaves, "seen", f"{name}_raw"),
        node("Max", [f"{name}_raw", "least_probability"], [f"{name}_bounded"]),
        node("Log", [f"{name}_bounded"], [f"{name}_logs"]),
        node("Mul", [f"{name}_logs", f"{name}_slope"], [f"{name}_logits"]),
        node("Softmax", [f"{name}_logits"], [f"{name}_stated"], axis=1),
    ]


def _score(model: QualityModel) -> list[onnx.NodeProto]:
    node = helper.make_node
    if model.context.values:
        return [node("MatMul", [OUTPUTS[1], "values"], [OUTPUTS[0]])]
    return [
        node("ReduceMax", [OUTPUTS[1], "across"], ["largest"], keepdims=1),
        node("Mul", ["largest", "hundred"], [OUTPUTS[0]]),
    ]


def _anomaly(model: QualityModel) -> list[onnx.NodeProto]:
    """Add both isolation forests; the history decides which of them answers."""
    node = helper.make_node
    return [
        node("Gather", ["features", "deviations"], ["away_raw"], axis=1),
        node("IsNaN", ["away_raw"], ["away_missing"]),
        node("Where", ["away_missing", "zero", "away_raw"], ["away"]),
        node("Abs", ["away"], ["sizes"]),
        node("ReduceMax", ["sizes", "across"], ["furthest_off"], keepdims=1),
        node("Concat", ["away", "furthest_off"], ["watched"], axis=1),
        *_watch(model.crowd, "crowd", len(model.context.features)),
        *_watch(model.own, "own", len(model.context.features)),
        node("Gather", ["features", "history_at"], ["known"], axis=1),
        node("GreaterOrEqual", ["known", "least_history"], ["enough"]),
        node("Where", ["enough", "own_margin", "crowd_margin"], [OUTPUTS[2]]),
    ]


def _watch(watch: Watch, name: str, width: int) -> list[onnx.NodeProto]:
    """Add 2^(-mean depth / usual depth) minus the threshold. The graph has the largest deviation only once."""
    node = helper.make_node
    trees = [tree.tree_ for tree in watch.forest.estimators_]
    scale = -np.log(2) / (len(trees) * float(_path(np.array([watch.forest.max_samples_]))[0]))
    leaves = [((_depths(tree) + _path(tree.n_node_samples)) * scale)[:, None] for tree in trees]
    return [
        forest_node(trees, leaves, "watched", f"{name}_power", np.minimum(np.arange(2 * width), width)),
        node("Exp", [f"{name}_power"], [f"{name}_score"]),
        node("Sub", [f"{name}_score", f"{name}_threshold"], [f"{name}_margin"]),
    ]


def _depths(tree: Any) -> Floats:
    """Return the number of edges from the root to each node."""
    depths = np.zeros(tree.node_count)
    for parent in range(tree.node_count):
        for child in (tree.children_left[parent], tree.children_right[parent]):
            if child != LEAF:
                depths[child] = depths[parent] + 1
    return depths


def _path(samples: Floats) -> Floats:
    """Return the mean depth of an unsuccessful search in a binary tree of `samples`, added to a leaf's depth."""
    count = np.maximum(samples.astype(np.float64), 2.0)
    usual = 2 * (np.log(count - 1) + np.euler_gamma) - 2 * (count - 1) / count
    found: Floats = np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, usual))
    return found
