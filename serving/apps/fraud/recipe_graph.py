"""The model as one ONNX graph: slots, scaling, missing values, the network with one value left out, the sum.

Leaving out value j changes the first layer's sum by what j brought to it, and only output j is of use: so the
first and the last layer are computed once per value, not once per pair of values.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from serving.apps.fraud.recipe_model import LIMIT, MOST_ERRORS, TINY, FraudModel
from serving.apps.fraud.recipe_network import LAYERS
from serving.apps.fraud.schema import MAX_FEATURES

__all__ = ["graph"]

OPSET, IR_VERSION = 18, 8


def graph(model: FraudModel) -> onnx.ModelProto:
    """`features` [n, 64] to `score` [n, 1], `margins` [n, 2] and `contributions` [n, 64]."""
    constants = _constants(model)
    made = helper.make_graph(
        [*_scale(), *_network(), *_sum()],
        "fraud",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["row", MAX_FEATURES])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["row", 1]),
            helper.make_tensor_value_info("margins", TensorProto.FLOAT, ["row", 2]),
            helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["row", MAX_FEATURES]),
        ],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="slipway")


def _constants(model: FraudModel) -> dict[str, npt.NDArray[np.generic]]:
    width = len(model.typical)
    found: dict[str, npt.NDArray[np.generic]] = {
        "slots": np.arange(width, dtype=np.int64),
        "middle": model.scaling.middle,
        "spread": model.scaling.spread,
        "low": np.array(-LIMIT, dtype=np.float32),
        "high": np.array(LIMIT, dtype=np.float32),
        "zero": np.array(0, dtype=np.float32),
        "one": np.array(1, dtype=np.float32),
        "typical": model.typical,
        "most": np.array(MOST_ERRORS, dtype=np.float32),
        "tiny": np.array(TINY, dtype=np.float32),
        "thresholds": np.array([model.context.medium, model.context.high], dtype=np.float32),
        "columns": np.array([1], dtype=np.int64),
        "last": np.array([2], dtype=np.int64),
        "padding": np.array([0, 0, 0, MAX_FEATURES - width], dtype=np.int64),
    }
    state = {name: value.numpy() for name, value in model.network.state_dict().items()}
    for number, place in enumerate(LAYERS):
        found[f"weight_{number}"] = state[f"net.{place}.weight"].T
        found[f"bias_{number}"] = state[f"net.{place}.bias"]
    first = found.pop("weight_0")
    found["from_values"], found["from_hidden"] = first[:width], first[width:]
    # Rows of values, as the last layer's products are added up per value.
    found["to_value"] = found.pop(f"weight_{len(LAYERS) - 1}").T
    return found


def _scale() -> Iterable[onnx.NodeProto]:
    """`Scaling.apply`."""
    node = helper.make_node
    yield node("Gather", ["features", "slots"], ["used"], axis=1)
    yield node("IsNaN", ["used"], ["missing"])
    yield node("Sub", ["used", "middle"], ["centered"])
    yield node("Div", ["centered", "spread"], ["scaled"])
    yield node("Clip", ["scaled", "low", "high"], ["cut"])
    yield node("Where", ["missing", "zero", "cut"], ["values"])
    yield node("Cast", ["missing"], ["hidden"], to=TensorProto.FLOAT)
    yield node("Sub", ["one", "hidden"], ["known"])


def _network() -> Iterable[onnx.NodeProto]:
    """`recipe_network.left_out`: [n, d, h] inside."""
    node = helper.make_node
    yield node("MatMul", ["values", "from_values"], ["brought"])
    yield node("MatMul", ["hidden", "from_hidden"], ["brought_hidden"])
    yield node("Add", ["brought", "brought_hidden"], ["seen_bare"])
    yield node("Add", ["seen_bare", "bias_0"], ["seen_flat"])
    yield node("Unsqueeze", ["seen_flat", "columns"], ["seen"])
    yield node("Unsqueeze", ["values", "last"], ["each"])
    yield node("Unsqueeze", ["known", "last"], ["each_known"])
    yield node("Mul", ["each", "from_values"], ["taken"])
    yield node("Mul", ["each_known", "from_hidden"], ["given"])
    yield node("Sub", ["given", "taken"], ["change"])
    yield node("Add", ["seen", "change"], ["sum_0"])
    yield from _silu("sum_0", "out_0")
    previous = "out_0"
    for number in range(1, len(LAYERS) - 1):
        yield node("MatMul", [previous, f"weight_{number}"], [f"product_{number}"])
        yield node("Add", [f"product_{number}", f"bias_{number}"], [f"sum_{number}"])
        previous = f"sum_{number}"
        if number != 2:
            yield from _silu(previous, f"out_{number}")
            previous = f"out_{number}"
    yield node("Mul", [previous, "to_value"], ["products"])
    yield node("ReduceSum", ["products", "last"], ["filled_bare"], keepdims=0)
    yield node("Add", ["filled_bare", f"bias_{len(LAYERS) - 1}"], ["filled"])


def _silu(source: str, target: str) -> Iterable[onnx.NodeProto]:
    yield helper.make_node("Sigmoid", [source], [f"{target}_gate"])
    yield helper.make_node("Mul", [source, f"{target}_gate"], [target])


def _sum() -> Iterable[onnx.NodeProto]:
    """Errors in typical ones, their mean square over what is known, each one's share, the thresholds."""
    node = helper.make_node
    yield node("Sub", ["values", "filled"], ["difference"])
    yield node("Abs", ["difference"], ["error"])
    yield node("Div", ["error", "typical"], ["errors_bare"])
    yield node("Min", ["errors_bare", "most"], ["errors"])
    yield node("Mul", ["errors", "errors"], ["squares_bare"])
    yield node("Mul", ["squares_bare", "known"], ["squares_known"])
    yield node("ReduceSum", ["known", "columns"], ["count_bare"], keepdims=1)
    yield node("Max", ["count_bare", "one"], ["count"])
    yield node("Div", ["squares_known", "count"], ["squares"])
    yield node("ReduceSum", ["squares", "columns"], ["mean_square"], keepdims=1)
    yield node("Sqrt", ["mean_square"], ["score"])
    yield node("Max", ["score", "tiny"], ["divisor"])
    yield node("Div", ["squares", "divisor"], ["shares"])
    yield node("Pad", ["shares", "padding", "zero"], ["contributions"], mode="constant")
    yield node("Sub", ["score", "thresholds"], ["margins"])
