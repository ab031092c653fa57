"""Shapes of neural networks: sequences, pictures, inner graphs, quantised weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from tests.training.added.shapes.shape import FLOAT, INT, Shape, node, rng, value, write
from training.added.plan import Overrides

__all__ = ["NETWORKS"]

BOOL = TensorProto.BOOL


def pooled(path: Path) -> None:
    """Frames of any number: a sequence axis."""
    write(
        path,
        [node("MatMul", ["frames", "w"], ["h"]), node("ReduceMax", ["h", "axes"], ["y"], keepdims=0)],
        [value("frames", FLOAT, ["batch", "time", 4])],
        [value("y", FLOAT, ["batch", 3])],
        {"w": rng().normal(size=(4, 3)).astype(np.float32), "axes": np.array([1])},
    )


def pairs(path: Path) -> None:
    """Two sequences of lengths of their own: which word of one goes with which of the other."""
    write(
        path,
        [node("Transpose", ["target"], ["turned"], perm=[0, 2, 1]), node("MatMul", ["source", "turned"], ["fit"])],
        [value("source", FLOAT, ["n", "s", 4]), value("target", FLOAT, ["n", "t", 4])],
        [value("fit", FLOAT, ["n", "s", "t"])],
    )


def unbatched(path: Path) -> None:
    """A whole picture at a time, without a batch axis, and one number for it."""
    write(
        path,
        [node("ReduceMean", ["picture"], ["light"], keepdims=0), node("Sub", ["picture", "light"], ["rest"])],
        [value("picture", FLOAT, [3, 4])],
        [value("light", FLOAT, []), value("rest", FLOAT, [3, 4])],
    )


def fixed(size: int) -> Shape:
    """A picture network whose batch size is fixed, as exporters write it when they are told nothing."""

    def make(path: Path) -> None:
        kernel = rng().normal(size=(2, 3, 3, 3)).astype(np.float32)
        write(
            path,
            [
                node("Conv", ["image", "k"], ["h"], pads=[1, 1, 1, 1]),
                node("Relu", ["h"], ["r"]),
                node("GlobalAveragePool", ["r"], ["p"]),
                node("Flatten", ["p"], ["features"]),
            ],
            [value("image", FLOAT, [size, 3, 6, 6])],
            [value("features", FLOAT, [size, 2])],
            {"k": kernel},
        )

    return Shape(f"fixed{size}", make, alone="fixed at 1" if size == 1 else "no batch axis")


def encoder(path: Path) -> None:
    """A transformer's encoder of one layer: ids, a mask of padding, attention, pooling."""
    made = rng()
    size = 8
    weights = {name: made.normal(size=(size, size), scale=0.4).astype(np.float32) for name in ("q", "k", "v", "o")}
    nodes = [
        node("Gather", ["table", "input_ids"], ["e"], name="embed"),
        *[node("MatMul", ["e", name], [f"e{name}"]) for name in ("q", "k", "v")],
        node("Transpose", ["ek"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["eq", "kt"], ["raw"]),
        node("Div", ["raw", "root"], ["scores"]),
        node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
        node("Unsqueeze", ["mask", "one"], ["mask3"]),
        node("Sub", ["unit", "mask3"], ["hidden"]),
        node("Mul", ["hidden", "far"], ["bias"]),
        node("Add", ["scores", "bias"], ["masked"]),
        node("Softmax", ["masked"], ["attention"], axis=-1),
        node("MatMul", ["attention", "ev"], ["mixed"]),
        node("MatMul", ["mixed", "o"], ["out"]),
        node("Add", ["e", "out"], ["sum"]),
        node("LayerNormalization", ["sum", "gain", "shift"], ["last_hidden_state"], axis=-1),
        node("Unsqueeze", ["mask", "two"], ["maskt"]),
        node("Mul", ["last_hidden_state", "maskt"], ["kept"]),
        node("ReduceSum", ["kept", "one"], ["total"], keepdims=0),
        node("ReduceSum", ["maskt", "one"], ["length"], keepdims=0),
        node("Max", ["length", "unit"], ["least"]),
        node("Div", ["total", "least"], ["sentence_embedding"]),
    ]
    write(
        path,
        nodes,
        [value("input_ids", INT, ["batch", "seq"]), value("attention_mask", INT, ["batch", "seq"])],
        [
            value("last_hidden_state", FLOAT, ["batch", "seq", size]),
            value("sentence_embedding", FLOAT, ["batch", size]),
        ],
        {
            "table": made.normal(size=(12, size)).astype(np.float32),
            **weights,
            "root": np.float32(np.sqrt(size)),
            "unit": np.float32(1),
            "far": np.float32(-1e4),
            "one": np.array([1]),
            "two": np.array([2]),
            "gain": np.ones(size, np.float32),
            "shift": np.zeros(size, np.float32),
        },
    )


def detector(path: Path) -> None:
    """Boxes of one picture after non-maximum suppression: their number depends on the picture."""
    write(
        path,
        [
            node("Reshape", ["image", "all"], ["flat"]),
            node("MatMul", ["flat", "wb"], ["b"]),
            node("Abs", ["b"], ["positive"]),
            node("Reshape", ["positive", "bshape"], ["boxes"]),
            node("MatMul", ["flat", "ws"], ["s"]),
            node("Sigmoid", ["s"], ["sig"]),
            node("Reshape", ["sig", "sshape"], ["scores"]),
            node("NonMaxSuppression", ["boxes", "scores", "most", "iou", "least"], ["selected"]),
            node("Gather", ["selected", "two"], ["which"], axis=1),
            node("Squeeze", ["boxes", "zero"], ["every"]),
            node("Gather", ["every", "which"], ["found"], axis=0),
        ],
        [value("image", FLOAT, [1, 3, 2, 2])],
        [value("found", FLOAT, ["detections", 4])],
        {
            "wb": rng().normal(size=(12, 24)).astype(np.float32),
            "ws": rng().normal(size=(12, 12)).astype(np.float32),
            "all": np.array([1, 12]),
            "bshape": np.array([1, 6, 4]),
            "sshape": np.array([1, 2, 6]),
            "most": np.array([3]),
            "iou": np.array([0.5], np.float32),
            "least": np.array([0.5], np.float32),
            "two": np.array(2),
            "zero": np.array([0]),
        },
    )


def lstm(path: Path) -> None:
    """A recurrent network with its states in and out; the batch is not the first axis, as in PyTorch."""
    made = rng()
    write(
        path,
        [
            node(
                "LSTM",
                ["x", "w", "r", "b", "", "h0", "c0"],
                ["all", "hn", "cn"],
                hidden_size=3,
                direction="forward",
            ),
            node("Squeeze", ["all", "one"], ["y"]),
        ],
        [
            value("x", FLOAT, ["time", "batch", 2]),
            value("h0", FLOAT, [1, "batch", 3]),
            value("c0", FLOAT, [1, "batch", 3]),
        ],
        [
            value("y", FLOAT, ["time", "batch", 3]),
            value("hn", FLOAT, [1, "batch", 3]),
            value("cn", FLOAT, [1, "batch", 3]),
        ],
        {
            "w": made.normal(size=(1, 12, 2)).astype(np.float32),
            "r": made.normal(size=(1, 12, 3)).astype(np.float32),
            "b": made.normal(size=(1, 24)).astype(np.float32),
            "one": np.array([1]),
        },
        opset=14,
    )


def branches(path: Path) -> None:
    """`If` on what the rows sum to, and a `Loop` of a number of rounds that an input gives."""
    plus = helper.make_graph([node("Add", ["x", "step"], ["up"])], "plus", [], [value("up", FLOAT, None)])
    minus = helper.make_graph([node("Sub", ["x", "step"], ["down"])], "minus", [], [value("down", FLOAT, None)])
    body = helper.make_graph(
        [node("Identity", ["on"], ["still"]), node("Mul", ["state", "grow"], ["grown"])],
        "body",
        [value("round", INT, []), value("on", BOOL, []), value("state", FLOAT, None)],
        [value("still", BOOL, []), value("grown", FLOAT, None)],
    )
    write(
        path,
        [
            node("ReduceSum", ["x"], ["sum"], keepdims=0),
            node("Greater", ["sum", "none"], ["many"]),
            node("If", ["many"], ["moved"], then_branch=plus, else_branch=minus),
            node("Squeeze", ["rounds"], ["trips"]),
            node("Loop", ["trips", "go", "moved"], ["y"], body=body),
        ],
        [value("x", FLOAT, [1, 2]), value("rounds", INT, [1])],
        [value("y", FLOAT, [1, 2])],
        {"step": np.float32(10), "none": np.float32(0), "go": np.array(True), "grow": np.float32(1.5)},
    )


def quantised(path: Path) -> None:
    """Weights of 8 bits, with Quantize and Dequantize around each operator."""
    write(
        path,
        [
            node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]),
            node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
            node("DequantizeLinear", ["wq", "sw", "zw"], ["wd"]),
            node("MatMul", ["xd", "wd"], ["s"]),
            node("QuantizeLinear", ["s", "sy", "zy"], ["sq"]),
            node("DequantizeLinear", ["sq", "sy", "zy"], ["y"]),
        ],
        [value("x", FLOAT, ["n", 4])],
        [value("y", FLOAT, ["n", 3])],
        {
            "wq": rng().integers(-90, 90, (4, 3)).astype(np.int8),
            "sx": np.float32(0.03),
            "zx": np.uint8(128),
            "sw": np.float32(0.01),
            "zw": np.int8(0),
            "sy": np.float32(0.05),
            "zy": np.uint8(128),
        },
    )


def optional(path: Path) -> None:
    """Outputs of operators that the file leaves unnamed, and an optional input in the middle."""
    write(
        path,
        [
            node("Clip", ["x", "", "top"], ["cut"]),
            node("Dropout", ["cut"], ["y", ""]),
            node("Transpose", ["y"], ["turned"], perm=[1, 0, 2]),
            node("GRU", ["turned", "w", "r"], ["", "last"], hidden_size=2),
            node("Squeeze", ["last", "zero"], ["state"]),
        ],
        [value("x", FLOAT, ["n", 5, 3])],
        [value("y", FLOAT, ["n", 5, 3]), value("state", FLOAT, ["n", 2])],
        {
            "top": np.float32(0.5),
            "w": rng().normal(size=(1, 6, 3)).astype(np.float32),
            "r": rng().normal(size=(1, 6, 2)).astype(np.float32),
            "zero": np.array([0]),
        },
    )


def steps(path: Path) -> None:
    """A first axis that is a sequence, not a batch: the user says so."""
    write(
        path,
        [node("CumSum", ["x", "axis"], ["y"])],
        [value("x", FLOAT, ["time", 2])],
        [value("y", FLOAT, ["time", 2])],
        {"axis": np.array(0)},
    )


NETWORKS = (
    Shape("pooled", pooled),
    Shape("pairs", pairs),
    Shape("unbatched", unbatched, alone="no batch axis"),
    fixed(1),
    fixed(8),
    Shape("encoder", encoder),
    Shape("detector", detector, alone="fixed at 1"),
    Shape("lstm", lstm, alone="batch axis"),
    Shape("branches", branches, alone="fixed at 1"),
    Shape("quantised", quantised),
    Shape("optional", optional),
    Shape("steps", steps, alone="no batch axis", wanted={"overrides": Overrides(batch=False)}),
)
