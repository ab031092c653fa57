"""Which column a node reads: graphs as converters of scikit-learn write them, and others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from serving.kernel.added.columns import Column
from serving.kernel.tensors import TensorSpec
from tests.training.added.shapes.shape import FLOAT, INT, TEXT, node, value, write
from training.added.graphs.nodes import columns_of_nodes

ML = "ai.onnx.ml"
JOB, CITY = Column(name="job", tensor="job"), Column(name="city", tensor="city")
TEXTS = (TensorSpec("job", "BYTES", (-1, 1)), TensorSpec("city", "BYTES", (-1, 1)))
TABLE = tuple(Column(name=name, tensor="x", position=at) for at, name in enumerate("abc"))


def encoder(source: str, name: str) -> onnx.NodeProto:
    return node("OneHotEncoder", [source], [f"{name} one"], name=name, domain=ML, cats_strings=["p", "q"], zeros=0)


def test_a_column_is_followed_through_joining_and_choosing(tmp_path: Path) -> None:
    nodes = [
        node("Concat", ["job", "city"], ["texts"], name="join", axis=1),
        node("ArrayFeatureExtractor", ["texts", "second"], ["chosen"], name="choose", domain=ML),
        encoder("chosen", "encodes city"),
        encoder("job", "encodes job"),
        encoder("texts", "encodes both"),
        encoder("job", "twice"),
        encoder("city", "twice"),
        encoder("city", ""),
        node("Reshape", ["encodes job one", "shape"], ["flat"], name="reshape"),
        node("Concat", ["encodes city one", "encodes job one"], ["all"], name="collect", axis=2),
    ]
    ends = [value("flat", FLOAT, None), value("all", FLOAT, None)]
    starts = [value("job", TEXT, [None, 1]), value("city", TEXT, [None, 1])]
    write(tmp_path / "m.onnx", nodes, starts, ends, {"second": [1], "shape": [-1, 2]})
    graph = onnx.load(tmp_path / "m.onnx").graph
    assert columns_of_nodes(graph, (JOB, CITY), TEXTS) == {
        "encodes city": "city",
        "encodes job": "job",
        "reshape": "job",
    }
    assert columns_of_nodes(graph, (JOB,), TEXTS[:1]) == {}, "the only column needs no table"


def test_the_columns_of_a_table_are_told_apart_by_their_places(tmp_path: Path) -> None:
    nodes = [
        node("Cast", ["x"], ["numbers"], name="cast", to=INT),
        node("Constant", [], ["places"], value=onnx.numpy_helper.from_array(np.array([2]), "v")),
        node("Gather", ["numbers", "places"], ["last"], name="choose", axis=1),
        node("Gather", ["rows", "last"], ["y"], name="look up", axis=0),
        node("Gather", ["numbers", "places"], ["one row"], name="choose a row", axis=0),
        node("Gather", ["rows", "one row"], ["z"], name="look up a row", axis=0),
    ]
    ends = [value("y", FLOAT, None), value("z", FLOAT, None)]
    write(tmp_path / "m.onnx", nodes, [value("x", FLOAT, [None, 3])], ends, {"rows": np.zeros((4, 2), np.float32)})
    found = columns_of_nodes(onnx.load(tmp_path / "m.onnx").graph, TABLE, (TensorSpec("x", "FP32", (-1, 3)),))
    assert found == {"look up": "c"}


def test_an_inner_graph_may_read_any_column() -> None:
    inner = onnx.helper.make_graph([encoder("city", "inner")], "then", [], [value("inner one", FLOAT, None)])
    branch = node("If", ["job"], ["y"], name="branch", then_branch=inner, else_branch=inner)
    graph = onnx.helper.make_graph([branch, encoder("y", "after")], "g", [], [])
    assert columns_of_nodes(graph, (JOB, CITY), TEXTS) == {}
