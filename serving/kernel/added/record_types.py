"""The types of an added model's questions and answers, made from its columns and tensors.

A type in JSON has the model's own names, whatever characters they have; its Python fields are `c0`, `c1`, ...
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec

from serving.kernel.added.columns import AddedContext, Column
from serving.kernel.tensors import TensorSpec, numpy_dtype

__all__ = ["LABEL", "PROBABILITIES", "answer_type", "is_scalar", "question_types", "row_type", "shown"]

LABEL, PROBABILITIES = "label", "probabilities"
"""Fields of an answer that names a class."""
BITS = {"INT8": 7, "INT16": 15, "INT32": 31, "UINT8": 8, "UINT16": 16, "UINT32": 32}
"""Without the bit of the sign. 64 bits have no bounds here: Python checks them when the array is made."""


def question_types(name: str, columns: Sequence[Column], inputs: Iterable[TensorSpec]) -> tuple[Any, Any]:
    """The type of a question as an object, and as an array in the order of the columns.

    The array of a model whose only column is a whole row is that row.
    """
    tensors = {spec.name: spec for spec in inputs}
    fields: list[Any] = []
    for index, column in enumerate(columns):
        spec = tensors[column.tensor]
        kind = _item(spec.datatype) if column.position >= 0 else row_type(spec)
        fields.append((f"c{index}", kind | None, None) if column.optional else (f"c{index}", kind))
    names = {f"c{index}": column.name for index, column in enumerate(columns)}
    made = msgspec.defstruct(
        f"{_title(name)}Question",
        fields,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        rename=names,
        module=_module(name),
    )
    if len(columns) == 1 and columns[0].position < 0 and not is_scalar(tensors[columns[0].tensor]):
        return made, row_type(tensors[columns[0].tensor])
    return made, tuple.__class_getitem__(tuple(field[1] for field in fields))


def answer_type(name: str, outputs: Iterable[TensorSpec], context: AddedContext) -> Any:
    """The type of an answer: class and probabilities where there are labels, and every other output.

    What the model gives no number for is null, and so is a class that rests on such numbers.
    """
    fields: list[Any] = []
    names: dict[str, str] = {}
    if context.labels:
        fields.append(("c_label", str if context.index else str | None))
        names["c_label"] = LABEL
        if context.scores:
            fields.append(("c_probabilities", dict[str, float | None]))
            names["c_probabilities"] = PROBABILITIES
    for index, spec in enumerate(shown(outputs, context)):
        fields.append((f"c{index}", row_type(spec, True)))
        names[f"c{index}"] = spec.name
    return msgspec.defstruct(f"{_title(name)}Answer", fields, frozen=True, rename=names, module=_module(name))


def shown(outputs: Iterable[TensorSpec], context: AddedContext) -> list[TensorSpec]:
    """The outputs that an answer has under their own names: labels replace scores and class."""
    replaced = {context.index, context.scores} if context.labels else set()
    return [spec for spec in outputs if spec.name not in replaced]


def is_scalar(spec: TensorSpec) -> bool:
    """Whether a row of the tensor is one value."""
    return all(size == 1 for size in spec.shape[1:]) and len(spec.shape) <= 2


def row_type(spec: TensorSpec, missing: bool = False) -> Any:
    """The type of one row: a value, or nested lists of the tensor's sizes. `missing`: numbers may be null."""
    kind = _item(spec.datatype)
    if missing and numpy_dtype(spec.datatype).kind == "f":
        kind = kind | None
    if is_scalar(spec):
        return kind
    for size in reversed(spec.shape[1:]):
        kind = _list_of(kind)
        if size >= 0:
            kind = Annotated[kind, msgspec.Meta(min_length=size, max_length=size)]
    return kind


def _title(name: str) -> str:
    return "".join(part.title() for part in name.split("_")) or "Model"


def _module(name: str) -> str:
    """Of one model's types: OpenAPI tells `model_1` and `model1` apart by it, whose types have the same names."""
    return f"{__name__}.{name}"


def _list_of(kind: Any) -> Any:
    return list[kind]


def _item(datatype: str) -> Any:
    """The type of one element."""
    if datatype == "BYTES":
        return str
    match numpy_dtype(datatype).kind:
        case "b":
            return bool
        case "f":
            return float
    bits = BITS.get(datatype)
    if bits is None:
        return Annotated[int, msgspec.Meta(ge=0)] if datatype == "UINT64" else int
    low = 0 if datatype.startswith("U") else -(2**bits)
    return Annotated[int, msgspec.Meta(ge=low, le=2**bits - 1)]
