"""The model as one ONNX graph: token weights, overlaps, encoder, heads and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from apps.matching.serve.features import FEATURES
from apps.matching.serve.overlap import EPSILON, PLACES
from apps.matching.serve.tokens import FIRST_CODE, SLOTS, VOCABULARY
from apps.matching.train.fit import MatchModel
from apps.matching.train.network import COSINE_SCALE, LIMIT, PART_SCALE, TINY
from training.onnx.export import assemble

__all__ = ["Builder", "encoded", "graph"]

MANY = "availability_count"


class Builder:
    """Nodes and constants in the order of creation. The name that `do` returns identifies a value."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, npt.NDArray[Any]] = {}

    def do(self, op: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = out or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def hold(self, values: npt.ArrayLike, dtype: Any = np.float32) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.asarray(values, dtype=dtype)
        return name

    def total(self, values: str, axis: int, keep: bool = True, op: str = "ReduceSum") -> str:
        """Add a sum (or another reduction) over one axis."""
        return self.do(op, values, self.hold([axis], np.int64), keepdims=int(keep))


def graph(model: MatchModel) -> onnx.ModelProto:
    """Return the graph from the app's inputs to its output. Rows are questions; axis 2 is their availabilities."""
    build = Builder()
    ids = _ids(build)
    columns = build.do("Concat", *_overlaps(build, ids, model), *_pairs(build), axis=2)
    score = _head(build, columns, ids, model)
    build.do("Sigmoid", score, out="score")
    value = helper.make_tensor_value_info
    return assemble(
        "matching",
        build.nodes,
        [
            value("pairs", TensorProto.FLOAT, ["row", MANY, len(FEATURES)]),
            value("requirement", TensorProto.INT32, ["row", SLOTS]),
            value("availability", TensorProto.INT32, ["row", MANY, SLOTS]),
            value("shared", TensorProto.UINT8, ["row", MANY, SLOTS]),
        ],
        [value("score", TensorProto.FLOAT, ["row", MANY])],
        build.constants,
    )


def _ids(build: Builder) -> tuple[str, str]:
    """Clip the tokens of both sides to the vocabulary; the requirement counts as one availability."""
    low, high = build.hold(0, np.int32), build.hold(VOCABULARY - 1, np.int32)
    alone = build.do("Unsqueeze", "requirement", build.hold([1], np.int64))
    return build.do("Clip", alone, low, high), build.do("Clip", "availability", low, high)


def _overlaps(build: Builder, ids: tuple[str, str], model: MatchModel) -> list[str]:
    """`overlap.overlaps`."""
    weights = build.hold(np.square(model.network.weights.numpy()))
    places = [build.hold(place) for place in PLACES]
    left, right = (build.do("Gather", weights, side) for side in ids)
    shared = build.do("Cast", "shared", to=TensorProto.INT32)
    near = build.do("Equal", shared, build.hold(2, np.int32))
    anywhere = build.do("GreaterOrEqual", shared, build.hold(1, np.int32))
    both = [build.do("Mul", right, build.do("Cast", mask, to=TensorProto.FLOAT)) for mask in (near, anywhere)]
    lengths = _sums(build, left, left, ids[0], places)
    others = _sums(build, right, right, ids[1], places)
    common = _sums(build, both[0], both[1], ids[1], places)
    epsilon, one = build.hold(EPSILON), build.hold(1)
    product = build.do("Sqrt", build.do("Add", build.do("Mul", lengths, others), epsilon))
    spread = build.do("Expand", lengths, build.do("Shape", others))
    return [
        build.do("Div", common, product),
        build.do("Div", common, build.do("Add", lengths, epsilon)),
        build.do("Div", common, build.do("Add", others, epsilon)),
        build.do("Log", build.do("Add", spread, one)),
        build.do("Log", build.do("Add", others, one)),
    ]


def _sums(build: Builder, name: str, anywhere: str, ids: str, places: list[str]) -> str:
    """`overlap._sums`."""
    code = build.do("GreaterOrEqual", ids, build.hold(FIRST_CODE, np.int32))
    code = build.do("Cast", code, to=TensorProto.FLOAT)
    kinds = (name, anywhere, build.do("Mul", name, code), build.do("Mul", anywhere, code))
    return build.do("Sum", *(build.do("MatMul", kind, place) for kind, place in zip(kinds, places, strict=True)))


def _pairs(build: Builder) -> list[str]:
    """Replace missing numbers with 0 and return a mask of the known ones."""
    missing = build.do("IsNaN", "pairs")
    known = build.do("Cast", build.do("Not", missing), to=TensorProto.FLOAT)
    return [build.do("Where", missing, build.hold(0), "pairs"), known]


def _head(build: Builder, columns: str, ids: tuple[str, str], model: MatchModel) -> str:
    """Add `MatchNetwork.forward` and the calibration: log odds [row, availabilities]."""
    network = model.network
    left, right = (encoded(build, side, model) for side in ids)
    product = build.do("Mul", left, right)
    cosine = build.total(product, 2)
    centred = build.do("Sub", columns, build.hold(network.mean.numpy()))
    scaled = build.do("Mul", centred, build.hold(network.scale.numpy()))
    parts = [
        build.do("Clip", scaled, build.hold(-LIMIT), build.hold(LIMIT)),
        build.do("Mul", cosine, build.hold(COSINE_SCALE)),
        build.do("Mul", build.do("Abs", build.do("Sub", left, right)), build.hold(PART_SCALE)),
        build.do("Mul", product, build.hold(PART_SCALE)),
    ]
    # Add an axis for the heads in front of the availabilities.
    hidden = build.do("Unsqueeze", build.do("Concat", *parts, axis=2), build.hold([1], np.int64))
    last = len(network.matrices) - 1
    for layer, (matrix, bias) in enumerate(zip(network.matrices, network.biases, strict=True)):
        hidden = build.do("MatMul", hidden, build.hold(matrix.detach().numpy()))
        hidden = build.do("Add", hidden, build.hold(bias.detach().numpy()))
        if layer < last:
            hidden = build.do("Relu", hidden)
    logits = build.total(build.total(hidden, 3, keep=False), 1, keep=False, op="ReduceMean")
    return build.do("Add", build.do("Mul", logits, build.hold(model.slope)), build.hold(model.offset))


def encoded(build: Builder, ids: str, model: MatchModel) -> str:
    """Add `MatchNetwork.encode` for tokens [row, k, 256]; the table already contains the tokens' weights."""
    network = model.network
    table = network.tokens.weight.detach().numpy() * network.weights.numpy()[:, None]
    summed = build.total(build.do("Gather", build.hold(table), ids), 2, keep=False)
    length = build.do("Add", build.total(summed, 2, op="ReduceL2"), build.hold(TINY))
    return build.do("Div", summed, length)
