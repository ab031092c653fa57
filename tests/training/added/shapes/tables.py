"""Shapes of models of tables and texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from onnx import TensorProto, helper

from tests.training.added.shapes.shape import FLOAT, INT, TEXT, Shape, node, rng, value, write

__all__ = ["TABLES"]

HALF, BRAIN = TensorProto.FLOAT16, TensorProto.BFLOAT16
DIGITS = tuple("0123456789")


def digits(path: Path) -> None:
    """As scikit-learn's converter writes a classifier of 64 pixels, with a ZipMap."""
    made = rng()
    scaler = node(
        "Scaler",
        ["X"],
        ["scaled"],
        domain="ai.onnx.ml",
        offset=made.uniform(0, 8, 64).tolist(),
        scale=[0.25] * 64,
    )
    classifier = node(
        "LinearClassifier",
        ["scaled"],
        ["output_label", "scores"],
        domain="ai.onnx.ml",
        classlabels_ints=list(range(10)),
        coefficients=made.normal(size=640).tolist(),
        intercepts=made.normal(size=10).tolist(),
        post_transform="SOFTMAX",
    )
    maps = node(
        "ZipMap", ["scores"], ["output_probability"], domain="ai.onnx.ml", classlabels_int64s=list(range(10))
    )
    write(
        path,
        [scaler, classifier, maps],
        [value("X", FLOAT, [None, 64])],
        [
            value("output_label", INT, [None]),
            helper.make_value_info(
                "output_probability",
                helper.make_sequence_type_proto(
                    helper.make_map_type_proto(INT, helper.make_tensor_type_proto(FLOAT, []))
                ),
            ),
        ],
    )


def people(path: Path) -> None:
    """A pipeline with text and number columns, each an input of its own."""
    write(
        path,
        [
            node(
                "LabelEncoder",
                ["job"],
                ["code"],
                domain="ai.onnx.ml",
                keys_strings=["cook", "smith"],
                values_floats=[1.0, 2.0],
                default_float=-1.0,
            ),
            node("Concat", ["code", "age", "income"], ["row"], axis=1),
            node("MatMul", ["row", "weights"], ["score"]),
        ],
        [value("job", TEXT, ["n", 1]), value("age", FLOAT, ["n", 1]), value("income", FLOAT, ["n", 1])],
        [value("score", FLOAT, ["n", 1])],
        {"weights": np.array([[1], [0.1], [0.001]], np.float32)},
    )


def some_people() -> pd.DataFrame:
    return pd.DataFrame({"income": [1e3, 2e3, 0.5], "job": ["cook", "smith", "other"], "age": [20.0, 35.5, 61.0]})


def words(path: Path) -> None:
    """Counts of words and of pairs: texts in, numbers out."""
    write(
        path,
        [
            node(
                "StringNormalizer",
                ["words"],
                ["lower"],
                case_change_action="NONE",
                is_case_sensitive=1,
                stopwords=["0"],
            ),
            node(
                "TfIdfVectorizer",
                ["lower"],
                ["counts"],
                mode="TF",
                min_gram_length=1,
                max_gram_length=2,
                max_skip_count=0,
                pool_strings=["a", "row", "yes", "a", "row"],
                ngram_counts=[0, 3],
                ngram_indexes=[0, 1, 2, 3],
            ),
        ],
        [value("words", TEXT, [6])],
        [value("counts", FLOAT, [4])],
    )


def upper(path: Path) -> None:
    """Texts in, texts out: the names of the classes of codes."""
    write(
        path,
        [
            node(
                "LabelEncoder",
                ["color"],
                ["name"],
                domain="ai.onnx.ml",
                keys_strings=["a", "row"],
                values_strings=["größe", "red"],
                default_string="?",
            )
        ],
        [value("color", TEXT, ["n"])],
        [value("name", TEXT, ["n"])],
    )


def half(path: Path) -> None:
    made = rng().normal(size=(4, 3)).astype(np.float16)
    write(
        path,
        [node("MatMul", ["x", "w"], ["s"]), node("Softmax", ["s"], ["p"], axis=-1)],
        [value("x", HALF, ["n", 4])],
        [value("p", HALF, ["n", 3])],
        {"w": made},
    )


def brain(path: Path) -> None:
    """BF16 outside, FP32 inside, as engines without BF16 kernels have it."""
    write(
        path,
        [
            node("Cast", ["x"], ["wide"], to=FLOAT),
            node("Mul", ["wide", "wide"], ["square"]),
            node("Cast", ["square"], ["y"], to=BRAIN),
        ],
        [value("x", BRAIN, ["n", 3])],
        [value("y", BRAIN, ["n", 3])],
    )


def mixed(path: Path) -> None:
    """Inputs and outputs of many types and ranks."""
    write(
        path,
        [
            node("Cast", ["count"], ["many"], to=FLOAT),
            node("Mul", ["price", "many"], ["total"]),
            node("Not", ["member"], ["guest"]),
            node("Cast", ["small"], ["wide"], to=TensorProto.INT32),
            node("Cast", ["price"], ["exact"], to=TensorProto.DOUBLE),
            node("ReduceMax", ["grid", "axes"], ["peak"], keepdims=0),
        ],
        [
            value("price", FLOAT, ["n"]),
            value("count", INT, ["n"]),
            value("member", TensorProto.BOOL, ["n"]),
            value("small", TensorProto.UINT8, ["n", 2]),
            value("grid", FLOAT, ["n", 2, 3]),
        ],
        [
            value("total", FLOAT, ["n"]),
            value("guest", TensorProto.BOOL, ["n"]),
            value("wide", TensorProto.INT32, ["n", 2]),
            value("exact", TensorProto.DOUBLE, ["n"]),
            value("peak", FLOAT, ["n", 3]),
        ],
        {"axes": np.array([1])},
    )


def scaled(path: Path) -> None:
    """A number beside the rows, without a row axis, for all of them."""
    write(
        path,
        [node("Mul", ["x", "factor"], ["y"])],
        [value("x", FLOAT, ["n", 3]), value("factor", FLOAT, [])],
        [value("y", FLOAT, ["n", 3])],
    )


def echo(path: Path) -> None:
    """An output that is an input."""
    write(
        path,
        [node("Neg", ["x"], ["y"])],
        [value("x", FLOAT, ["n", 2])],
        [value("y", FLOAT, ["n", 2]), value("x", FLOAT, ["n", 2])],
    )


def names(path: Path) -> None:
    """As TensorFlow and Keras name things."""
    write(
        path,
        [node("Add", ["serving default/a:0", "0 naïve"], ["StatefulPartitionedCall:1"])],
        [value("serving default/a:0", FLOAT, ["n", 2]), value("0 naïve", FLOAT, ["n", 2])],
        [value("StatefulPartitionedCall:1", FLOAT, ["n", 2])],
    )


def old(path: Path) -> None:
    """Opset 9 and IR version 3: weights are among the inputs."""
    write(
        path,
        [
            node("Unsqueeze", ["b"], ["row"], axes=[0]),
            node("MatMul", ["x", "w"], ["s"]),
            node("Add", ["s", "row"], ["y"]),
        ],
        [value("x", FLOAT, ["n", 3]), value("w", FLOAT, [3, 2]), value("b", FLOAT, [2])],
        [value("y", FLOAT, ["n", 2])],
        {"w": rng().normal(size=(3, 2)).astype(np.float32), "b": np.array([1, -1], np.float32)},
        opset=9,
        ir=3,
    )


def outside(path: Path) -> None:
    """Weights in a file of a folder below."""
    (path.parent / "weights").mkdir(exist_ok=True)
    write(
        path,
        [node("MatMul", ["x", "w"], ["y"])],
        [value("x", FLOAT, ["n", 16])],
        [value("y", FLOAT, ["n", 8])],
        {"w": rng().normal(size=(16, 8)).astype(np.float32)},
        save_as_external_data=True,
        location="weights/w.bin",
        size_threshold=10,
    )


def local(path: Path) -> None:
    """An operator that the file itself defines."""
    twice = helper.make_function(
        "own", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 18)]
    )
    write(
        path,
        [node("Twice", ["x"], ["d"], domain="own"), node("Twice", ["d"], ["y"], domain="own")],
        [value("x", FLOAT, ["n", 2])],
        [value("y", FLOAT, ["n", 2])],
        functions=[twice],
        domains=["own"],
    )


TABLES = (
    Shape("digits", digits, labels=DIGITS),
    Shape("people", people, sample=some_people),
    Shape("words", words, alone="no batch axis"),
    Shape("upper", upper),
    Shape("half", half),
    Shape("brain", brain),
    Shape("mixed", mixed),
    Shape("scaled", scaled, alone="no batch axis"),
    Shape("echo", echo),
    Shape("names", names),
    Shape("old", old),
    Shape("outside", outside),
    Shape("local", local),
)
