"""ModelInferRequest and ModelInferResponse to arrays and back. The stubs come with `tritonclient`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import service_pb2 as pb

from serving.edge.codec.datatypes import DATATYPES, check_range, count_of, from_bytes
from serving.edge.codec.tensors import TensorRequest, check_header, check_inputs, check_outputs, refuse_parameters
from serving.kernel.app import App
from serving.kernel.errors import Malformed
from serving.kernel.tensors import Arrays, TensorSpec, to_wire

__all__ = ["decode_message", "encode_message"]

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of InferTensorContents for a datatype. FP16 and BF16 have none; they are sent as raw bytes."""


def decode_message(app: App[Any, Any, Any], message: Any, max_rows: int) -> TensorRequest:
    """The tensors of a ModelInferRequest. Raises `Malformed`, `Invalid` or `TooLarge` as the HTTP door does."""
    given = [
        check_header(item.name, item.datatype, tuple(item.shape), f"inputs[{index}]", max_rows)
        for index, item in enumerate(message.inputs)
    ]
    for name, items in (("inputs", message.inputs), ("outputs", message.outputs)):
        for index, item in enumerate(items):
            refuse_parameters(item.parameters, f"{name}[{index}]")
    rows = check_inputs(app.inputs, given, "inputs", ragged=app.ragged)
    raw = message.raw_input_contents
    if raw and len(raw) != len(given):
        raise Malformed(f"raw_input_contents: {len(given)} inputs need as many raw contents, got {len(raw)}")
    arrays: Arrays = {}
    for index, (spec, item) in enumerate(zip(given, message.inputs, strict=True)):
        if raw and item.HasField("contents"):
            raise Malformed(f"inputs[{index}].contents: must be empty where raw_input_contents is used")
        arrays[spec.name] = (
            from_bytes(spec, raw[index], f"raw_input_contents[{index}]")
            if raw
            else _typed(spec, item.contents, f"inputs[{index}].contents")
        )
    arrays = {spec.name: arrays[spec.name] for spec in app.inputs}
    names = tuple(item.name for item in message.outputs)
    check_outputs(app.outputs, names, "outputs")
    return TensorRequest(arrays, names, frozenset(), message.id, rows)


def encode_message(
    app: App[Any, Any, Any], request: TensorRequest, outputs: Arrays, version: int, request_id: str
) -> Any:
    """A ModelInferResponse with raw_output_contents."""
    answer = pb.ModelInferResponse(model_name=app.name, model_version=str(version), id=request.id or request_id)
    for spec in app.outputs:
        array = outputs.get(spec.name)
        if array is not None and (not request.outputs or spec.name in request.outputs):
            answer.outputs.add(name=spec.name, datatype=spec.datatype, shape=array.shape)
            answer.raw_output_contents.append(bytes(to_wire(spec.datatype, array)))
    return answer


def _typed(spec: TensorSpec, contents: Any, path: str) -> npt.NDArray[Any]:
    field = CONTENTS.get(spec.datatype)
    if field is None:
        raise Malformed(f"{path}: {spec.datatype} has no typed contents; use raw_input_contents")
    count = count_of(spec.shape, path)
    _refuse_others(spec, contents, field, path)
    values: Sequence[Any] = getattr(contents, field)
    if len(values) != count:
        raise Malformed(f"{path}.{field}: shape {list(spec.shape)} wants {count} elements, got {len(values)}")
    kind = DATATYPES[spec.datatype]
    if kind.kind == "bytes":
        array = np.empty(count, dtype=object)
        array[:] = list(values)
        return array.reshape(spec.shape)
    if kind.kind == "int" and kind.size < 4:
        wide = np.array(values, dtype=np.int64)
        check_range(kind, wide, f"{path}.{field}")
        return wide.astype(kind.dtype).reshape(spec.shape)
    return np.array(values, dtype=kind.dtype).reshape(spec.shape)


def _refuse_others(spec: TensorSpec, contents: Any, field: str, path: str) -> None:
    for descriptor, _value in contents.ListFields():
        if descriptor.name != field:
            raise Malformed(f"{path}.{descriptor.name}: {spec.datatype} belongs in {field}")
