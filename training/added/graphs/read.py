"""Reads an ONNX file and says what it takes and gives, or why it cannot be served.

Nothing of the file is executed here. Weights in other files are checked by name before anything opens them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx import TensorProto, helper

from training.added.errors import AddError

__all__ = ["MOST_TENSORS", "Graph", "Tensor", "is_name", "read_graph"]

MOST_TENSORS = 1000
"""Inputs or outputs that a model may have."""
LONGEST_NAME = 200
DATATYPES = {
    TensorProto.FLOAT16: "FP16",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.FLOAT: "FP32",
    TensorProto.DOUBLE: "FP64",
    TensorProto.INT8: "INT8",
    TensorProto.INT16: "INT16",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.UINT8: "UINT8",
    TensorProto.UINT16: "UINT16",
    TensorProto.UINT32: "UINT32",
    TensorProto.UINT64: "UINT64",
    TensorProto.BOOL: "BOOL",
    TensorProto.STRING: "BYTES",
}
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc")
"""Operator sets that ONNX Runtime brings."""
UNSTEADY = {"ConstantOfShape", "Expand", "Loop", "NonMaxSuppression", "Pad", "Range", "Resize", "Scan", "Tile"}
"""Operators whose work depends on the values of their inputs."""
OTHER_FORMATS = (
    (b"\x80", "a Python pickle", "Python objects run code when they are opened"),
    (b"PK", "a zip file, such as PyTorch, Keras or skops write", "export the model to ONNX first"),
    (b"\x89HDF", "an HDF5 file, such as Keras writes", "convert it with tf2onnx"),
    (b"{", "JSON, such as XGBoost writes", "convert it with onnxmltools"),
    (b"tree", "a LightGBM text model", "convert it with onnxmltools"),
    (b"CBM1", "a CatBoost model", 'save it with save_model(path, format="onnx")'),
    (b"ver", "a Git LFS pointer", "fetch the file itself: git lfs pull"),
    (b"<", "a web page or XML", "download the file itself"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it first"),
    (b"GGUF", "a language model in GGUF", "serve it with an engine for language models"),
    (b"\x89PNG", "a picture", "give the file of the model"),
)
TFLITE, SAFETENSORS = b"TFL3", b"{"
"""At the fifth and the ninth byte."""


@dataclass(frozen=True)
class Tensor:
    """An input or output; a free axis is its name in the graph, or an empty text. `shape` is None if unknown."""

    name: str
    datatype: str
    shape: tuple[int | str, ...] | None


@dataclass(frozen=True)
class Graph:
    """A model's file, what it takes and gives, and the files beside it that have its weights."""

    path: Path
    model: onnx.ModelProto
    """Without the weights that are in other files."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    weights: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def unsteady(self) -> bool:
        """Whether the time of a run may depend on the values of a row, as that of a loop does."""
        nodes = [*_nodes(self.model.graph), *(node for own in self.model.functions for node in _all(own.node))]
        return any(node.op_type in UNSTEADY for node in nodes)


def read_graph(path: Path) -> Graph:
    """Read an ONNX file. Raises `AddError`."""
    model = _parsed(path)
    _check_operators(path, model)
    notes: list[str] = []
    if _strip_maps(model):
        notes.append(
            "The classifier's ZipMap was removed: probabilities are a tensor with a column for each class."
        )
    weights = _weights(path, model)
    fitted = {tensor.name for tensor in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in fitted]
    return Graph(
        path,
        model,
        _tensors(path, "input", inputs),
        _tensors(path, "output", model.graph.output),
        weights,
        tuple(notes),
    )


def _parsed(path: Path) -> onnx.ModelProto:
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError as cause:
        raise AddError(f"{path} cannot be read: {cause.strerror or cause}") from cause
    if not start:
        raise AddError(f"{path.name} is empty")
    for mark, kind, advice in OTHER_FORMATS:
        if start.startswith(mark):
            raise AddError(f"{path.name} is not ONNX but {kind}; {advice}")
    if start[4:8] == TFLITE:
        raise AddError(f"{path.name} is not ONNX but a TensorFlow Lite model; convert it with tf2onnx --tflite")
    if start[8:9] == SAFETENSORS and start[5:8] == b"\0\0\0":
        raise AddError(f"{path.name} is not ONNX but weights in safetensors, without a graph; export the model")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError) as cause:
        raise AddError(f"{path.name} is not ONNX, or only a part of it: {cause}") from cause
    if not model.graph.node:
        raise AddError(f"{path.name} is not ONNX: it has no graph")
    if any(isinstance(text, bytes) for text in _texts(model)):
        raise AddError(f"{path.name} is damaged: it has names that are not text. Copy or export it again")
    return model


def _texts(message: Message) -> Iterable[str | bytes]:
    """All texts; bytes where one is not UTF-8."""
    for field, value in message.ListFields():
        every = [value] if isinstance(value, str | bytes | Message) else value
        if field.type == FieldDescriptor.TYPE_STRING:
            yield from every
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in every:
                yield from _texts(inner)


def _check_operators(path: Path, model: onnx.ModelProto) -> None:
    if model.ir_version > onnx.IR_VERSION:
        raise AddError(
            f"{path.name} has version {model.ir_version} of the file format; at most {onnx.IR_VERSION} is "
            "supported. Export it with an older exporter, or save it with a lower `ir_version`"
        )
    newest = onnx.defs.onnx_opset_version()
    used = {item.domain: item.version for item in model.opset_import}
    version = max(used.get("", 0), used.get("ai.onnx", 0))
    if version > newest:
        raise AddError(f"{path.name} uses opset {version}; at most {newest} is supported. Export it with that one")
    own = {function.domain for function in model.functions}
    other = {node.domain for node in _nodes(model.graph)} - own - set(DOMAINS)
    if other:
        named = sorted({node.op_type for node in _nodes(model.graph) if node.domain in other})
        raise AddError(
            f"{path.name} uses the operators {', '.join(named[:5])} of {', '.join(sorted(other))}, which ONNX "
            "Runtime does not have; export the model with standard operators, or serve it by a backend of Triton"
        )


def _nodes(graph: onnx.GraphProto) -> Iterable[onnx.NodeProto]:
    """All nodes, those of inner graphs too."""
    return _all(graph.node)


def _all(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _strip_maps(model: onnx.ModelProto) -> bool:
    """Replace outputs of `ZipMap`, lists of maps that no protocol has, by the tensors they are made of."""
    made = False
    maps = [node for node in model.graph.node if node.op_type == "ZipMap"]
    for node in [node for node in maps if node.input and node.output]:
        for output in model.graph.output:
            if output.name == node.output[0]:
                tensor = helper.make_tensor_value_info(output.name, TensorProto.FLOAT, [None, None])
                output.CopyFrom(tensor)
        same = helper.make_node("Identity", [node.input[0]], [node.output[0]], f"{node.name}_tensor")
        node.CopyFrom(same)
        made = True
    return made


def _weights(path: Path, model: onnx.ModelProto) -> tuple[Path, ...]:
    """The files that tensors outside the graph name, which must be beside it and have all that they name."""
    ends: dict[str, int] = {}
    for tensor in _stored(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            entries = {item.key: item.value for item in tensor.external_data}
            name = entries.get("location", "")
            ends[name] = max(ends.get(name, 0), _end(path, entries))
    folder = path.resolve().parent
    found = []
    for name in sorted(ends):
        place = PurePosixPath(name)
        if not name or place.is_absolute() or ".." in place.parts:
            raise AddError(
                f"{path.name} wants weights from {name!r}; they must be beside the file or below its folder"
            )
        file = folder / place
        if file.is_symlink() or not file.is_file():
            raise AddError(f"{path.name} has weights in {name}, which is missing; put it beside the file")
        if file.stat().st_size < ends[name]:
            raise AddError(
                f"{name} has {file.stat().st_size:,} bytes; {path.name} has weights in it up to byte "
                f"{ends[name]:,}. Copy the whole file"
            )
        found.append(Path(place))
    return tuple(found)


def _end(path: Path, entries: dict[str, str]) -> int:
    """The byte at which a tensor's weights end in their file, as far as the entries say."""
    try:
        return int(entries.get("offset") or 0) + int(entries.get("length") or 0)
    except ValueError as cause:
        raise AddError(f"{path.name}: the place of weights in another file is not a number: {cause}") from cause


def _stored(graph: onnx.GraphProto) -> Iterable[onnx.TensorProto]:
    yield from graph.initializer
    for node in _nodes(graph):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            if attribute.g.initializer:
                yield from attribute.g.initializer


def _tensors(path: Path, role: str, items: Sequence[onnx.ValueInfoProto]) -> tuple[Tensor, ...]:
    if not 1 <= len(items) <= MOST_TENSORS:
        raise AddError(f"{path.name} has {len(items)} {role}s; between 1 and {MOST_TENSORS} are supported")
    names = [item.name for item in items]
    if len(set(names)) < len(names):
        raise AddError(
            f"{path.name} has the {role} {max(names, key=names.count)!r} twice; rename one in the model"
        )
    return tuple(_tensor(path, role, item) for item in items)


def is_name(name: str) -> bool:
    """Whether a field of a question or an answer may have this name: msgspec writes it as it is into JSON."""
    return name.isprintable() and '"' not in name and "\\" not in name


def _tensor(path: Path, role: str, item: onnx.ValueInfoProto) -> Tensor:
    if item.type.WhichOneof("value") != "tensor_type":
        kind = (item.type.WhichOneof("value") or "unknown").removesuffix("_type").replace("_", " ")
        raise AddError(
            f"{path.name}: the {role} {item.name!r} is of the kind {kind}; the protocols have tensors only"
        )
    if not item.name or len(item.name) > LONGEST_NAME or not is_name(item.name):
        raise AddError(
            f"{path.name}: the {role} {item.name[:60]!r} needs a name of 1 to {LONGEST_NAME} printable "
            "characters without quotation marks and backslashes; rename it in the model"
        )
    tensor = item.type.tensor_type
    datatype = DATATYPES.get(tensor.elem_type)
    if datatype is None:
        kinds = {number: kind for kind, number in TensorProto.DataType.items()}
        raise AddError(
            f"{path.name}: the {role} {item.name!r} has the type {kinds.get(tensor.elem_type, tensor.elem_type)}; "
            f"supported: {', '.join(sorted(set(DATATYPES.values())))}"
        )
    if not tensor.HasField("shape"):
        return Tensor(item.name, datatype, None)
    sizes = tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in tensor.shape.dim)
    if role == "input" and 0 in sizes:
        raise AddError(
            f"{path.name}: the {role} {item.name!r} has the shape {list(sizes)}, which holds no value; "
            "export the model with an example that has rows, or with a free axis"
        )
    return Tensor(item.name, datatype, sizes)
