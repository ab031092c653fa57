"""How a request for some rows is written for each kind of door, and how its answer is read."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from tritonclient.grpc import service_pb2

from benchmarks.setup.models import app_of
from serving.kernel.tensors import Arrays

__all__ = ["WIRES", "Answer", "Request", "Wire", "post"]

Floats = npt.NDArray[np.float64]
JSON = {"content-type": "application/json"}
LENGTH = "inference-header-content-length"


@dataclass(frozen=True)
class Request:
    """One POST, or one gRPC call, ready to be sent again and again."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Wire:
    """One form of request. `tensors`: the answer is the model's output rows, not one number per row."""

    write: Callable[[str, Arrays], Request]
    """Model name and inputs to a request."""
    read: Callable[[Answer], Floats]
    """Raises `ValueError`, `KeyError` or `IndexError` for an answer of another form."""
    tensors: bool = False


def post(port: int, request: Request, seconds: float = 10.0) -> Answer:
    """Send one request over HTTP/1.1 on loopback. Raises `OSError` or `http.client.HTTPException`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("POST", request.path, request.body, dict(request.headers))
        found = connection.getresponse()
        headers = {name.lower(): value for name, value in found.getheaders()}
        return Answer(found.status, headers, found.read())
    finally:
        connection.close()


def _records(inputs: Arrays) -> list[dict[str, Any]]:
    rows = len(next(iter(inputs.values())))
    return [{name: _numbers(array[row]) for name, array in inputs.items()} for row in range(rows)]


def _numbers(array: npt.NDArray[Any]) -> list[Any]:
    """As short as they were written: four digits, not the digits of the nearest FP32."""
    return [round(value, 4) if isinstance(value, float) else value for value in array.reshape(-1).tolist()]


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _decode(answer: Answer) -> Any:
    return msgspec.json.decode(answer.body)


def _raw(path: str) -> Wire:
    """`{"x": [...]}` to `{"e": ...}`, one row."""
    return Wire(
        lambda model, inputs: Request(path, _encode(_records(inputs)[0])),
        lambda answer: np.array([_decode(answer)["e"]]),
    )


def _fastapi() -> Wire:
    """A route for each form of row."""
    return Wire(
        lambda model, inputs: Request("/embed" if "ids" in inputs else "/predict", _encode(_records(inputs)[0])),
        lambda answer: np.array([_decode(answer)["e"]]),
    )


def _quiet_raw() -> Wire:
    """The raw form with Ray's header that stops it from watching for clients that leave."""
    plain = _raw("/predict")

    def write(model: str, inputs: Arrays) -> Request:
        made = plain.write(model, inputs)
        return Request(made.path, made.body, {**JSON, "x-request-disconnect-disabled": "?1"})

    return Wire(write, plain.read)


def _slipway() -> Wire:
    """KServe v1 with typed records."""
    return Wire(
        lambda model, inputs: Request(f"/v1/models/{model}:predict", _encode({"instances": _records(inputs)})),
        lambda answer: np.array([record["e"] for record in _decode(answer)["predictions"]]),
    )


def _price() -> Wire:
    """The price app's own example."""
    app = app_of("price")
    return Wire(
        lambda model, inputs: Request("/v1/models/price:predict", _encode({"instances": [app.example]})),
        lambda answer: np.array([record["price"] for record in _decode(answer)["predictions"]]),
    )


def _kserve() -> Wire:
    """KServe v1 with plain rows."""
    return Wire(
        lambda model, inputs: Request(
            "/v1/models/m:predict", _encode({"instances": [_numbers(row) for row in inputs["x"]]})
        ),
        lambda answer: np.array(_decode(answer)["predictions"]),
    )


def _bentoml() -> Wire:
    """A list of rows to a list of numbers."""
    return Wire(
        lambda model, inputs: Request("/predict", _encode({"x": [_numbers(row) for row in inputs["x"]]})),
        lambda answer: np.array(_decode(answer)),
    )


def _oip_json(path: str) -> Wire:
    """Open Inference Protocol v2 in JSON; `path` has a place for the model's name."""

    def write(model: str, inputs: Arrays) -> Request:
        tensors = [
            {"name": name, "shape": array.shape, "datatype": _datatype(array), "data": _numbers(array)}
            for name, array in inputs.items()
        ]
        return Request(path.format(model), _encode({"inputs": tensors}))

    return Wire(write, lambda answer: np.array(_decode(answer)["outputs"][0]["data"]))


def _oip_binary(path: str) -> Wire:
    """Open Inference Protocol v2 with the binary tensor extension, both ways."""

    def write(model: str, inputs: Arrays) -> Request:
        tensors = [
            {
                "name": name,
                "shape": array.shape,
                "datatype": _datatype(array),
                "parameters": {"binary_data_size": array.nbytes},
            }
            for name, array in inputs.items()
        ]
        head = _encode({"inputs": tensors, "parameters": {"binary_data_output": True}})
        headers = {"content-type": "application/octet-stream", LENGTH: str(len(head))}
        return Request(path.format(model), head + b"".join(a.tobytes() for a in inputs.values()), headers)

    def read(answer: Answer) -> Floats:
        length = int(answer.headers[LENGTH])
        (output,) = msgspec.json.decode(answer.body[:length])["outputs"]
        return np.frombuffer(answer.body[length:], np.float32).reshape(output["shape"]).astype(np.float64)

    return Wire(write, read, tensors=True)


def _grpc() -> Wire:
    """Open Inference Protocol v2 over gRPC with raw contents; bodies carry gRPC's five bytes in front."""

    def write(model: str, inputs: Arrays) -> Request:
        message = service_pb2.ModelInferRequest(model_name=model)
        for name, array in inputs.items():
            message.inputs.add(name=name, datatype=_datatype(array), shape=array.shape)
            message.raw_input_contents.append(array.tobytes())
        body = message.SerializeToString()
        headers = {"content-type": "application/grpc", "te": "trailers"}
        framed = b"\0" + len(body).to_bytes(4, "big") + body
        return Request("/inference.GRPCInferenceService/ModelInfer", framed, headers)

    def read(answer: Answer) -> Floats:
        message = service_pb2.ModelInferResponse.FromString(answer.body[5:])
        (output,), (raw,) = message.outputs, message.raw_output_contents
        return np.frombuffer(raw, np.float32).reshape(output.shape).astype(np.float64)

    return Wire(write, read, tensors=True)


def _datatype(array: npt.NDArray[Any]) -> str:
    return "INT64" if array.dtype == np.int64 else "FP32"


WIRES: dict[str, Wire] = {
    "raw": _raw("/predict"),
    "fastapi": _fastapi(),
    "quiet": _quiet_raw(),
    "slipway": _slipway(),
    "price": _price(),
    "kserve": _kserve(),
    "bentoml": _bentoml(),
    "triton-json": _oip_json("/v2/models/{}_errors/infer"),
    "mlserver-json": _oip_json("/v2/models/m/infer"),
    "binary": _oip_binary("/v2/models/{}/infer"),
    "kserve-binary": _oip_binary("/v2/models/m/infer"),
    "grpc": _grpc(),
}
"""Name -> form."""
