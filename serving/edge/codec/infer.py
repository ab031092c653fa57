"""One v2 inference over HTTP: the body to arrays and back, with JSON and binary tensors in any mixture."""

from __future__ import annotations

from typing import Any

import msgspec

from serving.edge.codec.binary_tensors import header_length, slices, split_body
from serving.edge.codec.datatypes import from_bytes
from serving.edge.codec.envelopes import Envelopes, TensorSlice
from serving.edge.codec.json_tensors import (
    InferRequest,
    LiteralRequest,
    decode_envelope,
    output_values,
    tensor_from_json,
)
from serving.edge.codec.tensors import TensorRequest, check_header, check_inputs, check_outputs, refuse_parameters
from serving.kernel.app import App
from serving.kernel.errors import Invalid
from serving.kernel.tensors import Arrays, to_wire

__all__ = ["decode_infer", "encode_infer"]

ENCODER = msgspec.json.Encoder()


def decode_infer(
    app: App[Any, Any, Any], raw: bytes, json_length: str | None, max_rows: int, known: Envelopes | None = None
) -> TensorRequest:
    """The tensors of a request for `app`. Names, shapes and row limit are checked before anything is allocated.

    `known` remembers valid JSON parts, for later requests with the same JSON part and the same `max_rows`.
    Raises `Malformed`, `Invalid` or `TooLarge`, each naming the tensor and what is allowed.
    """
    length = header_length(json_length, len(raw))
    text, rest = split_body(raw, length)
    if known is None or length is None:
        return _decode(app, text, rest, max_rows)[0]
    found = known.find(app, text, len(rest))
    if found is not None:
        return found.request(rest)
    request, places = _decode(app, text, rest, max_rows)
    if len(places) == len(app.inputs):
        known.remember(app, text, places, request)
    return request


def _decode(
    app: App[Any, Any, Any], text: bytes | memoryview, rest: memoryview, max_rows: int
) -> tuple[TensorRequest, dict[str, TensorSlice]]:
    """A request, and where in `rest` the bytes of each of its binary tensors are."""
    request = decode_envelope(text)
    given = [
        check_header(item.name, item.datatype, item.shape, f"$.inputs[{index}]", max_rows)
        for index, item in enumerate(request.inputs)
    ]
    for index, item in enumerate(request.inputs):
        refuse_parameters(item.parameters or (), f"$.inputs[{index}]")
    rows = check_inputs(app.inputs, given, ragged=app.ragged)
    literals = isinstance(request, LiteralRequest)
    arrays: Arrays = {}
    places: dict[str, TensorSlice] = {}
    offset = 0
    for index, (spec, item, own) in enumerate(
        zip(given, request.inputs, slices(request.inputs, rest), strict=True)
    ):
        path = f"$.inputs[{index}]"
        if own is None:
            arrays[spec.name] = tensor_from_json(spec, item.data, f"{path}.data", literals)
            continue
        arrays[spec.name] = from_bytes(spec, own, path)
        places[spec.name] = spec, offset, offset + len(own), path
        offset += len(own)
    arrays = {spec.name: arrays[spec.name] for spec in app.inputs}
    return TensorRequest(arrays, _outputs(app, request), _binary(app, request), request.id or "", rows), places


def encode_infer(
    app: App[Any, Any, Any], request: TensorRequest, outputs: Arrays, version: int, request_id: str
) -> tuple[bytes, int | None]:
    """The body of the answer, and the length of its JSON part; None where the whole body is JSON."""
    described: list[dict[str, Any]] = []
    buffers: list[bytes | memoryview] = []
    for spec in app.outputs:
        array = outputs.get(spec.name)
        if array is None or (request.outputs and spec.name not in request.outputs):
            continue
        entry: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": array.shape}
        if spec.name in request.binary:
            buffers.append(to_wire(spec.datatype, array))
            entry["parameters"] = {"binary_data_size": len(buffers[-1])}
        else:
            entry["data"] = output_values(spec.datatype, array, spec.name)
        described.append(entry)
    text = ENCODER.encode(
        {
            "model_name": app.name,
            "model_version": str(version),
            "id": request.id or request_id,
            "outputs": described,
        }
    )
    if not request.binary:
        return text, None
    return b"".join([text, *buffers]), len(text)


def _outputs(app: App[Any, Any, Any], request: InferRequest) -> tuple[str, ...]:
    names = tuple(item.name for item in request.outputs or ())
    check_outputs(app.outputs, names)
    for index, item in enumerate(request.outputs or ()):
        refuse_parameters(item.parameters or (), f"$.outputs[{index}]")
    return names


def _binary(app: App[Any, Any, Any], request: InferRequest) -> frozenset[str]:
    """Names of the outputs to send as bytes, by each output's own parameter, or else by that of the request."""
    every = _flag(request.parameters, "binary_data_output", "$.parameters", False)
    if not request.outputs:
        return frozenset(spec.name for spec in app.outputs) if every else frozenset()
    return frozenset(
        item.name
        for index, item in enumerate(request.outputs or ())
        if _flag(item.parameters, "binary_data", f"$.outputs[{index}].parameters", every)
    )


def _flag(parameters: dict[str, Any] | None, name: str, path: str, default: bool) -> bool:
    value = (parameters or {}).get(name, default)
    if not isinstance(value, bool):
        raise Invalid(f"{path}.{name}", f"must be true or false, got {value!r}")
    return value
