"""Good models, and the mistakes that people make with them: each a small change to a configuration or its files.

The mistakes are those of Triton's issue lists: the batch axis written into dims, a preferred batch above the
maximum, a map of an ensemble turned around, a graph exported with a fixed batch, and so on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from control.lint.finding import Finding
from control.lint.rules import triton_rules
from control.lint.triton.lint import lint
from control.lint.triton.output import sentence

FLOAT, LONG, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
Dims = Sequence[int | str]


@dataclass(frozen=True)
class Base:
    """A good model: its configuration, with {name} for its own, and its graph; None for an ensemble."""

    config: str
    graph: onnx.ModelProto | None


@dataclass(frozen=True)
class Case:
    """One mistake: the rule that names it, and edits of the text (old, new) or of the folder."""

    name: str
    rule: str
    base: str
    edits: tuple[tuple[str, str], ...] = ()
    touch: Callable[[Path], object] | None = None
    blind: str = ""
    """Why a Triton with the stand-in backend loads it though it is an error."""

    def __str__(self) -> str:
        return self.name


def _value(name: str, kind: int, dims: Dims) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    fitted: list[onnx.TensorProto] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "corpus", inputs, outputs, fitted or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _same(kind: int, dims: Dims, source: str = "x", target: str = "y") -> onnx.ModelProto:
    """target = source"""
    node = helper.make_node("Identity", [source], [target])
    return _model([node], [_value(source, kind, dims)], [_value(target, kind, dims)])


def _weighted(rows: int | str) -> onnx.ModelProto:
    """y = x @ w, [rows, 3] to [rows, 1]"""
    weights = helper.make_tensor("w", FLOAT, [3, 1], [1.0, 2.0, 3.0])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return _model([node], [_value("x", FLOAT, [rows, 3])], [_value("y", FLOAT, [rows, 1])], [weights])


def _classifier() -> onnx.ModelProto:
    """Probabilities [n, 2] and the label [n] of the larger one."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["probabilities"]),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    outputs = [_value("label", LONG, ["n"]), _value("probabilities", FLOAT, ["n", 2])]
    weights = helper.make_tensor("w", FLOAT, [3, 2], [1.0] * 6)
    return _model(nodes, [_value("x", FLOAT, ["n", 3])], outputs, [weights])


def _zipped() -> onnx.ModelProto:
    """A classifier's probabilities as a sequence of maps, as scikit-learn's converter makes them by default."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
    ]
    kind = helper.make_sequence_type_proto(
        helper.make_map_type_proto(LONG, helper.make_tensor_type_proto(FLOAT, shape=[]))
    )
    output = onnx.ValueInfoProto(name="y", type=kind)
    weights = helper.make_tensor("w", FLOAT, [3, 2], [1.0] * 6)
    graph = helper.make_graph(nodes, "corpus", [_value("x", FLOAT, ["n", 3])], [output], [weights])
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def _stepped() -> onnx.ModelProto:
    """y = x + START, and the state it keeps."""
    nodes = [helper.make_node("Add", ["x", "START"], ["y"]), helper.make_node("Identity", ["kept"], ["keep"])]
    inputs = [_value(name, FLOAT, ["n", 1]) for name in ("x", "START", "kept")]
    return _model(nodes, inputs, [_value(name, FLOAT, ["n", 1]) for name in ("y", "keep")])


def _outside() -> onnx.ModelProto:
    """`_weighted` with its weights in a file that is not there."""
    model = _weighted("n")
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="model.onnx.data")
    return model


HEAD = 'name: "{name}"\nbackend: "onnxruntime"\nmax_batch_size: 8\n'
GROUP = "instance_group {\n  count: 1\n  kind: KIND_CPU\n}\n"
X3 = 'input {\n  name: "x"\n  data_type: TYPE_FP32\n  dims: [ 3 ]\n}\n'
Y1 = 'output {\n  name: "y"\n  data_type: TYPE_FP32\n  dims: [ 1 ]\n}\n'
BATCHING = "dynamic_batching {\n  preferred_batch_size: [ 4, 8 ]\n  max_queue_delay_microseconds: 100\n}\n"
THREADS = 'parameters {\n  key: "intra_op_thread_count"\n  value { string_value: "1" }\n}\n'
WARMUP = """\
model_warmup {
  name: "zeros"
  batch_size: 2
  inputs {
    key: "x"
    value { data_type: TYPE_FP32 dims: [ 3 ] zero_data: true }
  }
}
"""
SEQUENCE = """\
sequence_batching {
  direct { minimum_slot_utilization: 0.5 }
  control_input {
    name: "START"
    control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] }
  }
  state { input_name: "kept" output_name: "keep" data_type: TYPE_FP32 dims: [ 1 ] }
}
"""
ENSEMBLE = """\
name: "{name}"
platform: "ensemble"
max_batch_size: 8
input { name: "a" data_type: TYPE_FP32 dims: [ 3 ] }
output { name: "b" data_type: TYPE_FP32 dims: [ 1 ] }
ensemble_scheduling {
  step [
    {
      model_name: "plain"
      model_version: -1
      input_map { key: "x" value: "a" }
      output_map { key: "y" value: "middle" }
    },
    {
      model_name: "after"
      model_version: -1
      input_map { key: "m" value: "middle" }
      output_map { key: "z" value: "b" }
    }
  ]
}
"""
LABEL = 'output {\n  name: "label"\n  data_type: TYPE_INT64\n  dims: [ 1 ]\n  reshape { shape: [ ] }\n}\n'
SHARES = 'output {\n  name: "probabilities"\n  data_type: TYPE_FP32\n  dims: [ 2 ]\n}\n'
PAIR = 'input { name: "m" data_type: TYPE_FP32 dims: [ 1 ] }\n'
PAIR += 'output { name: "z" data_type: TYPE_FP32 dims: [ 1 ] }\n'
BASES = {
    "plain": Base(HEAD + X3 + Y1 + GROUP + BATCHING + THREADS + "version_policy { all { } }\n", _weighted("n")),
    "warm": Base(HEAD + X3 + Y1 + GROUP + WARMUP, _weighted("n")),
    "fixed": Base(
        (HEAD + X3 + Y1 + GROUP).replace(": 8", ": 0").replace("[ 3 ]", "[ 1, 3 ]").replace("[ 1 ]", "[ 1, 1 ]"),
        _weighted(1),
    ),
    "free": Base(HEAD + (X3 + Y1).replace("[ 3 ]", "[ -1 ]").replace("[ 1 ]", "[ -1 ]"), _same(FLOAT, ["n", "k"])),
    "picture": Base(
        HEAD
        + (
            X3.replace("dims: [ 3 ]", "format: FORMAT_NCHW\n  dims: [ 3, 4, 4 ]")
            + Y1.replace("[ 1 ]", "[ 3, 4, 4 ]")
        ),
        _same(FLOAT, ["n", 3, 4, 4]),
    ),
    "labels": Base(HEAD + X3 + LABEL + SHARES + GROUP, _classifier()),
    "words": Base(HEAD + (X3 + Y1).replace("FP32", "STRING").replace("[ 3 ]", "[ 1 ]"), _same(TEXT, ["n", 1])),
    "steps": Base(HEAD + X3.replace("[ 3 ]", "[ 1 ]") + Y1 + GROUP + SEQUENCE, _stepped()),
    "after": Base(HEAD + PAIR, _same(FLOAT, ["n", 1], "m", "z")),
    "counts": Base(HEAD + PAIR.replace("FP32", "INT64"), _same(LONG, ["n", 1], "m", "z")),
    "narrow": Base(HEAD.replace(": 8", ": 2") + PAIR, _same(FLOAT, ["n", 1], "m", "z")),
    "ensemble": Base(ENSEMBLE, None),
}
PARTS = ("plain", "after", "counts", "narrow")
"""Models that ensembles have steps of."""


def write_base(root: Path, base: str, name: str) -> Path:
    """A good model under a name; returns its folder."""
    folder = root / name
    (folder / "1").mkdir(parents=True)
    made = BASES[base]
    (folder / "config.pbtxt").write_text(made.config.replace("{name}", name))
    if made.graph is not None:
        onnx.save(made.graph, folder / "1" / "model.onnx")
    return folder


def write_parts(root: Path) -> None:
    """The models that ensembles need."""
    for part in PARTS:
        write_base(root, part, part)


def write_case(root: Path, case: Case) -> Path:
    """The mistake, under the case's own name; returns its folder."""
    folder = write_base(root, case.base, case.name)
    config = folder / "config.pbtxt"
    text = config.read_text()
    for old, new in case.edits:
        old, new = (part.replace("{name}", case.name) for part in (old, new))
        assert old in text, (case.name, old)
        text = text.replace(old, new, 1)
    config.write_text(text)
    if case.touch is not None:
        case.touch(folder)
    return folder


def with_graph(model: onnx.ModelProto) -> Callable[[Path], None]:
    """Another graph for version 1."""
    return lambda folder: onnx.save(model, folder / "1" / "model.onnx")


def write(name: str, content: bytes) -> Callable[[Path], int]:
    """Other bytes for a file of the folder."""
    return lambda folder: (folder / name).write_bytes(content)


def rename(old: str, new: str) -> Callable[[Path], Path]:
    return lambda folder: (folder / old).rename(folder / new)


def remove(name: str) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return run


def second_version(model: onnx.ModelProto) -> Callable[[Path], None]:
    """A version 2 beside version 1."""

    def run(folder: Path) -> None:
        (folder / "2").mkdir()
        onnx.save(model, folder / "2" / "model.onnx")

    return run


def findings(root: Path, case: Case) -> list[Finding]:
    """What the linter says of one mistake."""
    if case.base == "ensemble":
        write_parts(root)
    write_case(root, case)
    found = lint(root)
    assert {one.subject for one in found.findings} <= {case.name}
    return list(found.findings)


def check_case(root: Path, case: Case) -> None:
    """The mistake is named by its rule, and what is said has all that it needs."""
    found = findings(root, case)
    named = [one for one in found if one.id == case.rule]
    assert named, [(one.id, sentence(one)) for one in found]
    for one in found:
        assert one.rule is triton_rules()[one.id]
        assert one.file == str(root / case.name / "config.pbtxt")
        assert one.problem and one.expected and "\n" not in sentence(one)
        assert one.line <= len((root / case.name / "config.pbtxt").read_bytes().splitlines()) if one.line else True
