"""XGBoost boosters as ONNX graphs: the margin as one node, and the link of the objective behind it.

The margin is exact, from the booster's own JSON. For XGBoost 3.2, onnxmltools 1.16 forgets the link of
`reg:logistic` and `binary:hinge`, adds one base score to all of several outputs, takes rankings for classes, and
cannot convert the boosters dart and gblinear.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from training.added.sources.exchange import CannotConvert
from training.onnx.export import assemble
from training.onnx.trees import ensemble_node

__all__ = ["INPUT", "PREDICTION", "PROBABILITIES", "Learner", "booster_graph", "is_classifier", "read_learner"]

INPUT, PREDICTION, PROBABILITIES = "input", "prediction", "probabilities"
MARGIN = "margin"
IDENTITY, SIGMOID, EXP, SOFTMAX, STEP = "identity", "sigmoid", "exp", "softmax", "step"
LINKS = {
    "reg:squarederror": IDENTITY,
    "reg:squaredlogerror": IDENTITY,
    "reg:absoluteerror": IDENTITY,
    "reg:pseudohubererror": IDENTITY,
    "reg:quantileerror": IDENTITY,
    "rank:ndcg": IDENTITY,
    "rank:map": IDENTITY,
    "rank:pairwise": IDENTITY,
    "binary:logitraw": IDENTITY,
    "binary:hinge": STEP,
    "binary:logistic": SIGMOID,
    "reg:logistic": SIGMOID,
    "count:poisson": EXP,
    "reg:gamma": EXP,
    "reg:tweedie": EXP,
    "survival:cox": EXP,
    "survival:aft": EXP,
    "multi:softprob": SOFTMAX,
    "multi:softmax": SOFTMAX,
}
"""Objective -> the function from margin to prediction."""
CLASSIFIERS = ("binary:logistic", "multi:softprob", "multi:softmax")
LOG_ODDS = ("binary:logistic", "reg:logistic")
"""Their base score is a probability, whose log odds are added; that of `EXP` is a value, whose log is added."""


@dataclass(frozen=True)
class Learner:
    """What a booster's JSON says."""

    objective: str
    width: int
    """Number of features."""
    targets: int
    """Number of outputs of the margin."""
    bases: npt.NDArray[np.float32]
    booster: dict[str, Any]
    names: tuple[str, ...]
    """Names of the features; empty: they have none."""
    trees: int | None
    """How many trees answer; None: all. Early stopping leaves more than the best ones."""


def read_learner(text: bytes) -> Learner:
    """Read the JSON of a booster. Raises `CannotConvert`."""
    learner = json.loads(text)["learner"]
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    if objective not in LINKS:
        raise CannotConvert(
            f"XGBoost's objective {objective} is unknown here; known are {', '.join(LINKS)}. A custom objective "
            "has its link in Python: save the booster with a known objective of the same link"
        )
    sizes = {key: int(value) for key, value in learner["learner_model_param"].items() if key.startswith("num_")}
    targets = max(1, sizes.get("num_class", 0), sizes.get("num_target", 0))
    return Learner(
        objective=objective,
        width=sizes["num_feature"],
        targets=targets,
        bases=_bases(learner["learner_model_param"]["base_score"], objective, targets),
        booster=booster,
        names=tuple(learner.get("feature_names") or ()),
        trees=_best_trees(learner.get("attributes") or {}, booster),
    )


def is_classifier(learner: Learner) -> bool:
    """Whether the output is the probability of each class, or of the second of two."""
    return learner.objective in CLASSIFIERS


def booster_graph(learner: Learner) -> onnx.ModelProto:
    """A graph from FP32 [n, features] to FP32 [n, outputs]."""
    output = PROBABILITIES if is_classifier(learner) else PREDICTION
    link = LINKS[learner.objective]
    margin = output if link == IDENTITY else MARGIN
    constants: dict[str, npt.NDArray[Any]] = {}
    if learner.booster["name"] == "gblinear":
        nodes, constants = _linear(learner, margin)
    else:
        nodes = [_trees(learner, margin)]
    nodes += _link(link, output)
    return assemble(
        "xgboost",
        nodes,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", learner.width])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["rows", learner.targets])],
        constants,
    )


def _bases(text: str, objective: str, targets: int) -> npt.NDArray[np.float32]:
    """The base scores as margins. XGBoost 3 writes a list of them, and earlier versions one number."""
    values = np.atleast_1d(np.array(json.loads(text), np.float64))
    with np.errstate(divide="ignore"):
        if objective in LOG_ODDS:
            values = np.log(values / (1 - values))
        elif LINKS[objective] == EXP:
            values = np.log(values)
    if len(values) not in (1, targets):
        raise CannotConvert(f"the booster has {len(values)} base scores for {targets} outputs")
    return np.broadcast_to(values.astype(np.float32), (targets,))


def _best_trees(attributes: dict[str, str], booster: dict[str, Any]) -> int | None:
    """The trees up to the best iteration, which scikit-learn's estimators of XGBoost answer with."""
    if "best_iteration" not in attributes or "scikit_learn" not in attributes or booster["name"] == "gblinear":
        return None
    model = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
    return int(model["iteration_indptr"][int(attributes["best_iteration"]) + 1])


def _trees(learner: Learner, output: str) -> onnx.NodeProto:
    dart = learner.booster["name"] == "dart"
    model = learner.booster["gbtree"]["model"] if dart else learner.booster["model"]
    scales: Sequence[float] | None = learner.booster["weight_drop"] if dart else None
    trees, targets = model["trees"][: learner.trees], model["tree_info"][: learner.trees]
    if not trees:
        raise CannotConvert("the booster has no trees")
    return ensemble_node(trees, targets, learner.bases, INPUT, output, scales and scales[: learner.trees])


def _linear(learner: Learner, output: str) -> tuple[list[onnx.NodeProto], dict[str, npt.NDArray[Any]]]:
    """A missing value counts as 0."""
    weights = np.array(learner.booster["model"]["weights"], np.float32).reshape(learner.width + 1, learner.targets)
    # XGBoost 3.2 adds the first base score to every output.
    constants = {"zero": np.float32(0), "weights": weights[:-1], "bias": weights[-1] + learner.bases[0]}
    nodes = [
        helper.make_node("IsNaN", [INPUT], ["missing"]),
        helper.make_node("Where", ["missing", "zero", INPUT], ["known"]),
        helper.make_node("MatMul", ["known", "weights"], ["products"]),
        helper.make_node("Add", ["products", "bias"], [output]),
    ]
    return nodes, constants


def _link(link: str, output: str) -> list[onnx.NodeProto]:
    if link == IDENTITY:
        return []
    if link == STEP:
        zero = helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])
        return [
            helper.make_node("Constant", [], ["zero"], value=zero),
            helper.make_node("Greater", [MARGIN, "zero"], ["above"]),
            helper.make_node("Cast", ["above"], [output], to=TensorProto.FLOAT),
        ]
    operator = {SIGMOID: "Sigmoid", EXP: "Exp", SOFTMAX: "Softmax"}[link]
    more = {"axis": 1} if link == SOFTMAX else {}
    return [helper.make_node(operator, [MARGIN], [output], **more)]
