"""The model as one ONNX graph: slots, scaling, missing values, the views, and the mean of their logarithms.

Hiding value j changes the first layer's sum only by the contribution of j, and only output j is used. The graph
therefore computes the filler's first and last layers once per value instead of once per pair of values.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper
from torch import nn

from apps.fraud.schema import MAX_FEATURES
from apps.fraud.train.memory import NEAR
from apps.fraud.train.model import LEAST, LIMIT, MOST_ERRORS, FraudModel
from apps.fraud.train.network import LAYERS
from training.onnx.export import assemble

__all__ = ["graph"]

Constants = dict[str, npt.NDArray[np.generic]]


def graph(model: FraudModel) -> onnx.ModelProto:
    """Return the graph from `features` [n, 64] to `score` [n, 1], `margins` [n, 2] and `contributions` [n, 64]."""
    return assemble(
        "fraud",
        [*_scale(), *_filler(), *_copiers(), *_memory(), *_score()],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["row", MAX_FEATURES])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["row", 1]),
            helper.make_tensor_value_info("margins", TensorProto.FLOAT, ["row", 2]),
            helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["row", MAX_FEATURES]),
        ],
        _constants(model),
    )


def _constants(model: FraudModel) -> Constants:
    width = model.typical.shape[1]
    exact = model.memory.astype(np.float64)
    found: Constants = {
        "slots": np.arange(width, dtype=np.int64),
        "middle": model.scaling.middle,
        "spread": model.scaling.spread,
        "low": np.array(-LIMIT, dtype=np.float32),
        "high": np.array(LIMIT, dtype=np.float32),
        "zero": np.array(0, dtype=np.float32),
        "one": np.array(1, dtype=np.float32),
        "memory": exact,
        "memory_twice": 2 * exact.T,
        "memory_squares": np.square(exact).T,
        "near": np.array(NEAR, dtype=np.float64),
        # Views come first, as in `errors_of`.
        "typical": model.typical[:, None],
        "most": np.square(MOST_ERRORS),
        "least": np.square(LEAST),
        "two": np.array(2, dtype=np.float32),
        "thresholds": np.array([model.context.medium, model.context.high], dtype=np.float32),
        "views": np.array([0], dtype=np.int64),
        "columns": np.array([1], dtype=np.int64),
        "last": np.array([2], dtype=np.int64),
        "padding": np.array([0, 0, 0, MAX_FEATURES - width], dtype=np.int64),
    }
    found |= _weights(model.networks.filler, "filler")
    first = found.pop("filler_weight_0")
    found["from_values"], found["from_hidden"] = first[:width], first[width:]
    # One row per value, because the products of the last layer are summed per value.
    found["to_value"] = found.pop(f"filler_weight_{len(LAYERS) - 1}").T
    copiers = [_weights(copier, "copiers") for copier in model.networks.copiers]
    for name in copiers[0]:
        stacked = np.stack([copier[name] for copier in copiers])
        found[name] = stacked[:, None] if stacked.ndim == 2 else stacked
    return found


def _weights(network: nn.Module, name: str) -> Constants:
    state = {key: value.numpy() for key, value in network.state_dict().items()}
    found: Constants = {}
    for number, place in enumerate(LAYERS):
        found[f"{name}_weight_{number}"] = state[f"net.{place}.weight"].T
        found[f"{name}_bias_{number}"] = state[f"net.{place}.bias"]
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


def _filler() -> Iterable[onnx.NodeProto]:
    """Yield the nodes of `network.left_out`; intermediate shape [n, d, h]."""
    node = helper.make_node
    yield node("MatMul", ["values", "from_values"], ["brought"])
    yield node("MatMul", ["hidden", "from_hidden"], ["brought_hidden"])
    yield node("Add", ["brought", "brought_hidden"], ["seen_bare"])
    yield node("Add", ["seen_bare", "filler_bias_0"], ["seen_flat"])
    yield node("Unsqueeze", ["seen_flat", "columns"], ["seen"])
    yield node("Unsqueeze", ["values", "last"], ["each"])
    yield node("Unsqueeze", ["known", "last"], ["each_known"])
    yield node("Mul", ["each", "from_values"], ["taken"])
    yield node("Mul", ["each_known", "from_hidden"], ["given"])
    yield node("Sub", ["given", "taken"], ["change"])
    yield node("Add", ["seen", "change"], ["filler_sum_0"])
    yield from _layers("filler")
    yield node("Mul", [f"filler_out_{len(LAYERS) - 2}", "to_value"], ["products"])
    yield node("ReduceSum", ["products", "last"], ["filled_bare"], keepdims=0)
    yield node("Add", ["filled_bare", f"filler_bias_{len(LAYERS) - 1}"], ["filled"])


def _copiers() -> Iterable[onnx.NodeProto]:
    """Yield the nodes of `network.copied` for all copiers at once, [copiers, n, d]."""
    node = helper.make_node
    last = len(LAYERS) - 1
    yield node("Concat", ["values", "hidden"], ["record"], axis=1)
    yield node("MatMul", ["record", "copiers_weight_0"], ["copiers_product_0"])
    yield node("Add", ["copiers_product_0", "copiers_bias_0"], ["copiers_sum_0"])
    yield from _layers("copiers")
    yield node("MatMul", [f"copiers_out_{last - 1}", f"copiers_weight_{last}"], ["copied_bare"])
    yield node("Add", ["copied_bare", f"copiers_bias_{last}"], ["copied"])


def _layers(name: str) -> Iterable[onnx.NodeProto]:
    """Yield the nodes from the first layer's sum to the output of the second-to-last layer."""
    node = helper.make_node
    yield from _silu(f"{name}_sum_0", f"{name}_out_0")
    for number in range(1, len(LAYERS) - 1):
        # The bottleneck layer is linear.
        total = f"{name}_out_{number}" if number == 2 else f"{name}_sum_{number}"
        yield node("MatMul", [f"{name}_out_{number - 1}", f"{name}_weight_{number}"], [f"{name}_product_{number}"])
        yield node("Add", [f"{name}_product_{number}", f"{name}_bias_{number}"], [total])
        if number != 2:
            yield from _silu(total, f"{name}_out_{number}")


def _silu(source: str, target: str) -> Iterable[onnx.NodeProto]:
    yield helper.make_node("Sigmoid", [source], [f"{target}_gate"])
    yield helper.make_node("Mul", [source, f"{target}_gate"], [target])


def _memory() -> Iterable[onnx.NodeProto]:
    """Yield the nodes of `memory.recalled`, in double precision as in that function."""
    node = helper.make_node
    yield node("Cast", ["values"], ["exact"], to=TensorProto.DOUBLE)
    yield node("Cast", ["known"], ["exact_known"], to=TensorProto.DOUBLE)
    yield node("ReduceSumSquare", ["exact", "columns"], ["own"], keepdims=1)
    yield node("MatMul", ["exact", "memory_twice"], ["shared"])
    yield node("MatMul", ["exact_known", "memory_squares"], ["theirs"])
    yield node("Sub", ["own", "shared"], ["far_own"])
    yield node("Add", ["far_own", "theirs"], ["far_bare"])
    yield node("Max", ["far_bare", "near"], ["far"])
    yield node("ReduceMin", ["far", "columns"], ["nearest"], keepdims=1)
    yield node("Div", ["nearest", "far"], ["likeness"])
    # Raise to the power of four, `SHARPNESS`.
    yield node("Mul", ["likeness", "likeness"], ["likeness_2"])
    yield node("Mul", ["likeness_2", "likeness_2"], ["weights"])
    yield node("MatMul", ["weights", "memory"], ["recalled_bare"])
    yield node("ReduceSum", ["weights", "columns"], ["weight"], keepdims=1)
    yield node("Div", ["recalled_bare", "weight"], ["exact_recalled"])
    yield node("Cast", ["exact_recalled"], ["recalled"], to=TensorProto.FLOAT)


def _score() -> Iterable[onnx.NodeProto]:
    """Yield the nodes of `errors_of`, `squares_of` and the rest of `FraudModel.predict`; shape [views, n, d]."""
    node = helper.make_node
    yield node("Unsqueeze", ["filled", "views"], ["predicted_filled"])
    yield node("Unsqueeze", ["recalled", "views"], ["predicted_recalled"])
    yield node("Concat", ["predicted_filled", "copied", "predicted_recalled"], ["predicted"], axis=0)
    yield node("Sub", ["values", "predicted"], ["predicted_errors"])
    # The median view predicts 0 for every scaled value.
    yield node("Unsqueeze", ["values", "views"], ["median_errors"])
    yield node("Concat", ["predicted_errors", "median_errors"], ["errors"], axis=0)
    yield node("Div", ["errors", "typical"], ["errors_typical"])
    yield node("Mul", ["errors_typical", "errors_typical"], ["squares_whole"])
    yield node("Min", ["squares_whole", "most"], ["squares_cut"])
    yield node("Add", ["squares_cut", "least"], ["squares_bare"])
    yield node("Mul", ["squares_bare", "known"], ["squares_known"])
    yield node("ReduceSum", ["known", "columns"], ["count_bare"], keepdims=1)
    yield node("Max", ["count_bare", "one"], ["count"])
    yield node("Div", ["squares_known", "count"], ["squares"])
    yield node("ReduceSum", ["squares", "last"], ["distances_bare"], keepdims=1)
    yield node("Max", ["distances_bare", "least"], ["distances"])
    yield node("Div", ["distances", "least"], ["ratios"])
    yield node("Log", ["ratios"], ["view_logs"])
    yield node("ReduceMean", ["view_logs", "views"], ["score_twice"], keepdims=0)
    yield node("Div", ["score_twice", "two"], ["score"])
    yield node("Div", ["squares", "distances"], ["view_shares"])
    yield node("ReduceMean", ["view_shares", "views"], ["shares"], keepdims=0)
    yield node("Mul", ["score", "shares"], ["parts"])
    yield node("Pad", ["parts", "padding", "zero"], ["contributions"], mode="constant")
    yield node("Sub", ["score", "thresholds"], ["margins"])
