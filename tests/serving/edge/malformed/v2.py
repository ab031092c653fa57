"""Malformed requests to the Open Inference Protocol v2 door, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.serving.edge.malformed.case import Body, Case, Target

PATH = "/v2/models/{model}/infer"


def case(name: str, body: Body, status: int, *says: str, **more: Any) -> Case:
    return Case(name, more.pop("path", PATH), body, status, says, **more)


def tensor(**changes: Any) -> Callable[[Target], bytes]:
    return lambda target: target.tensors(**changes)


def data(text: str) -> Callable[[Target], bytes]:
    """A flat list of `width` elements, the last one being `text` as it is."""

    def made(target: Target) -> bytes:
        return target.tensors(data=[1.0] * (target.width - 1) + ["@@"]).replace(b'"@@"', text.encode())

    return made


def envelope(**changes: Any) -> Callable[[Target], bytes]:
    return lambda target: json.dumps({"inputs": [target.tensor()]} | changes).encode()


def inputs(value: Any) -> bytes:
    return json.dumps({"inputs": value}).encode()


def two(target: Target) -> bytes:
    return inputs([target.tensor(), target.tensor()])


def rows(count: int) -> Callable[[Target], bytes]:
    return lambda target: target.tensors(shape=[count, target.width])


SHAPE = "$.inputs[0].shape"
DATA = "$.inputs[0].data"

CASES = (
    case("empty body", b"", 400, "body is empty", "JSON"),
    case("not JSON", b"hello", 400, "not valid JSON", "byte 0"),
    case("cut short", lambda t: t.tensors()[:-4], 400, "ends too early"),
    case("trailing characters", lambda t: t.tensors() + b"]", 400, "trailing characters"),
    case("invalid UTF-8", b'{"inputs":"\xff\xff', 400, "not valid"),
    case("half of NaN", data("Na"), 400, "not valid JSON", "byte"),
    case("infinity in words", data('"Infinity"'), 422, DATA + "[", "a string", "a number"),
    case("NaN of a shape", lambda t: t.tensors(shape=[float("nan"), t.width]), 422, SHAPE + "[0]", "null"),
    case("NaN and an error", lambda t: data("NaN")(t)[:-3], 400, "ends too early"),
    case(
        "deep nesting", lambda t: t.tensors(data="@").replace(b'"@"', b"[" * 90_000 + b"]" * 90_000), 400, "nested"
    ),
    case("top-level list", b"[]", 422, "$", "a list", "an object with inputs"),
    case("top-level null", b"null", 422, "$", "null", "an object with inputs"),
    case("no inputs key", b"{}", 422, "$.inputs", "required field is missing", "a list"),
    case("inputs is null", inputs(None), 422, "$.inputs", "null", "a list"),
    case("inputs is an object", inputs({}), 422, "$.inputs", "an object", "a list"),
    case("inputs empty", inputs([]), 422, "$.inputs", "{input}", "missing"),
    case("input is a number", inputs([1]), 422, "$.inputs[0]", "a whole number", "an object with name"),
    case("id is a number", envelope(id=5), 422, "$.id", "a whole number", "text"),
    case("parameters is a list", envelope(parameters=[]), 422, "$.parameters", "a list", "an object"),
    case("outputs is a name", envelope(outputs="x"), 422, "$.outputs", "a string", "a list"),
    case("output is a name", envelope(outputs=["x"]), 422, "$.outputs[0]", "an object with name"),
    case("output without name", envelope(outputs=[{}]), 422, "$.outputs[0].name", "required field"),
    case("unknown output", envelope(outputs=[{"name": "zzz"}]), 422, "$.outputs[0].name", "zzz", "{output}"),
    case(
        "output twice",
        lambda t: envelope(outputs=[{"name": t.output}] * 2)(t),
        422,
        "$.outputs[1].name",
        "once is allowed",
    ),
    case(
        "output flag not boolean",
        lambda t: envelope(outputs=[{"name": t.output, "parameters": {"binary_data": "yes"}}])(t),
        422,
        "$.outputs[0].parameters.binary_data",
        "true or false",
    ),
    case(
        "request flag not boolean",
        envelope(parameters={"binary_data_output": 1}),
        422,
        "$.parameters.binary_data_output",
        "true or false",
    ),
    case(
        "classification",
        lambda t: envelope(outputs=[{"name": t.output, "parameters": {"classification": 3}}])(t),
        422,
        "$.outputs[0].parameters.classification",
        "not supported",
    ),
    case(
        "shared memory",
        tensor(parameters={"shared_memory_region": "x"}),
        422,
        "$.inputs[0].parameters.shared_memory_region",
        "not supported",
    ),
    case("no name", tensor(name=...), 422, "$.inputs[0].name", "required field is missing"),
    case("name is null", tensor(name=None), 422, "$.inputs[0].name", "null", "text"),
    case("name empty", tensor(name=""), 422, "$.inputs[0].name", "{input}"),
    case("unknown name", tensor(name="zzz"), 422, "$.inputs[0].name", "zzz", "allowed: {input}"),
    case("name twice", two, 422, "$.inputs[1].name", "twice"),
    case("no datatype", tensor(datatype=...), 422, "$.inputs[0].datatype", "required field is missing"),
    case("unknown datatype", tensor(datatype="FLOAT"), 422, "$.inputs[0].datatype", "FLOAT", "FP32"),
    case("datatype lower case", tensor(datatype="fp32"), 422, "$.inputs[0].datatype", "FP32"),
    case("another datatype", tensor(datatype="INT64", data=[1]), 422, "$.inputs[0].datatype", "must be FP32"),
    case("datatype is a number", tensor(datatype=1), 422, "$.inputs[0].datatype", "text"),
    case("no shape", tensor(shape=...), 422, SHAPE, "required field is missing", "a list"),
    case("shape is a number", tensor(shape=1), 422, SHAPE, "a whole number", "a list"),
    case("shape empty", tensor(shape=[]), 422, SHAPE, "row axis"),
    case("shape of text", tensor(shape=["1"]), 422, "$.inputs[0].shape[0]", "a whole number"),
    case("shape a fraction", tensor(shape=[1.5]), 422, "$.inputs[0].shape[0]", "a whole number"),
    case("shape negative", rows(-1), 422, "$.inputs[0].shape[0]", "0 or more"),
    case("shape without rows", rows(0), 422, SHAPE, "at least 1"),
    case("shape too flat", lambda t: t.tensors(shape=[t.width]), 422, SHAPE, "must be [-1, {width}]"),
    case("shape too deep", lambda t: t.tensors(shape=[1, t.width, 1]), 422, SHAPE, "must be [-1, {width}]"),
    case("shape too wide", lambda t: t.tensors(shape=[1, t.width + 1]), 422, SHAPE, "must be [-1, {width}]"),
    case("more rows than data", rows(2), 400, DATA, "elements"),
    case("shape promising the world", lambda t: t.tensors(shape=[1, 2**62]), 422, SHAPE, "must be [-1, {width}]"),
    case("too many rows", lambda t: rows(t.max_rows + 1)(t), 413, SHAPE, "at most {max_rows}"),
    case("rows beyond 64 bits", rows(10**30), 413, SHAPE, "at most {max_rows}"),
    case("no data", tensor(data=...), 400, "$.inputs[0]", "got neither"),
    case("data is null", tensor(data=None), 400, "$.inputs[0]", "got neither"),
    case("data is a number", tensor(data=1), 400, DATA, "list"),
    case("data is an object", tensor(data={}), 400, DATA, "list"),
    case("data empty", tensor(data=[]), 400, DATA, "elements", "got 0"),
    case("data too short", lambda t: t.tensors(data=[1.0] * (t.width - 1)), 400, DATA, "{width} elements"),
    case("data too long", lambda t: t.tensors(data=[1.0] * (t.width + 1)), 400, DATA, "{width} elements"),
    case("data of text", data('"1"'), 422, DATA + "[", "a string", "a number"),
    case("data of truths", data("true"), 422, DATA + "[", "true or false", "a number"),
    case("data of objects", data("{}"), 422, DATA + "[", "an object", "a number"),
    case("data beyond FP32", data("1e39"), 422, DATA + "[", "does not fit FP32"),
    case("data beyond FP64", data("1e400"), 422, DATA + "[", "out of range"),
    case(
        "nested ragged", lambda t: t.tensors(data=[t.numbers()[:-1] or [1.0, 1.0]]), 400, DATA + "[0]", "elements"
    ),
    case("nested too deep", lambda t: t.tensors(data=[[t.numbers()]]), 400, DATA, "nested", "got 3"),
    case("flat and nested", lambda t: t.tensors(data=[*t.numbers()[:-1], [1.0]]), 422, DATA + "[", "a list"),
    case("size and data", tensor(parameters={"binary_data_size": 4}), 400, "$.inputs[0]", "got both"),
    case("unknown model", lambda t: t.tensors(), 404, "nosuch", path="/v2/models/nosuch/infer"),
    case("unknown version", lambda t: t.tensors(), 404, "999999", path="/v2/models/{model}/versions/999999/infer"),
    case(
        "version of text", lambda t: t.tensors(), 404, "whole numbers", path="/v2/models/{model}/versions/x/infer"
    ),
    case("metadata of an unknown model", b"", 404, "nosuch", path="/v2/models/nosuch", method="GET"),
    case("readiness of an unknown model", b"", 404, "nosuch", path="/v2/models/nosuch/ready", method="GET"),
    case("GET infer", b"", 405, "POST", method="GET"),
    case("GET index", b"", 405, "POST", path="/v2/repository/index", method="GET"),
    case("POST metadata", b"{}", 405, "GET", path="/v2/models/{model}"),
    case("unknown path", b"{}", 404, "no path", path="/v2/modles/{model}/infer"),
    case("index not JSON", b"x", 400, "not valid JSON", path="/v2/repository/index"),
    case("index flag of text", b'{"ready":"yes"}', 422, "$.ready", "true or false", path="/v2/repository/index"),
    case("no gzip", tensor(), 400, "content-encoding", headers={"content-encoding": "gzip"}),
    case("no deflate", tensor(), 400, "content-encoding", headers={"content-encoding": "deflate"}),
    case("protobuf", b"", 415, "content-type", headers={"content-type": "application/x-protobuf"}),
    case("timeout of text", tensor(), 400, "x-request-timeout-ms", headers={"x-request-timeout-ms": "1s"}),
    case("body too large", lambda t: b" " * (t.max_body_bytes + 1), 413, "at most {max_body_bytes}"),
)
