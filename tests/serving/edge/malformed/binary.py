"""Malformed requests to the v2 door with tensors as bytes after the JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.serving.edge.malformed.case import Body, Case, Target

PATH = "/v2/models/{model}/infer"
Length = Callable[[Target], str]
DROP: Any = ...


def head(target: Target, **changes: Any) -> bytes:
    """The JSON of one tensor whose bytes follow, changed."""
    parameters = {"binary_data_size": changes.pop("size", 4 * target.width)}
    return target.tensors(**{"data": DROP, "parameters": parameters, **changes})


def parts(tail: Callable[[Target], bytes], **changes: Any) -> tuple[Body, Length]:
    """A body of JSON and `tail`, and the true length of its JSON."""
    return (
        lambda target: head(target, **changes) + tail(target),
        lambda target: str(len(head(target, **changes))),
    )


def case(name: str, made: tuple[Body, Length | None], status: int, *says: str, **more: Any) -> Case:
    headers = {"content-type": "application/octet-stream", **more.pop("headers", {})}
    return Case(name, more.pop("path", PATH), made[0], status, says, headers=headers, json_length=made[1], **more)


def lied(length: Length) -> tuple[Body, Length]:
    """A valid body with another length in the header."""
    return (lambda target: head(target) + target.raw()), length


def said(text: str) -> tuple[Body, Length]:
    return lied(lambda _target: text)


def sized(size: Any) -> tuple[Body, Length]:
    return parts(Target.raw, size=size)


def pair(*sizes: int | None) -> tuple[Body, Length]:
    """Two requests' worth of tensors of the same name, with these sizes."""

    def text(target: Target) -> bytes:
        tensors = [
            target.tensor(data=DROP, parameters={} if size is None else {"binary_data_size": size})
            for size in sizes
        ]
        return json.dumps({"inputs": tensors}).encode()

    return (lambda target: text(target) + target.raw()), (lambda target: str(len(text(target))))


def outputs(**parameters: Any) -> tuple[Body, Length]:
    def text(target: Target) -> bytes:
        tensor = target.tensor(data=DROP, parameters={"binary_data_size": 4 * target.width})
        wanted = [{"name": target.output, "parameters": parameters}]
        return json.dumps({"inputs": [tensor], "outputs": wanted}).encode()

    return (lambda target: text(target) + target.raw()), (lambda target: str(len(text(target))))


def many(target: Target) -> int:
    return target.max_rows + 1


HEADER = "inference-header-content-length"
SIZE = "$.inputs[0].parameters.binary_data_size"
SHAPE = "$.inputs[0].shape"


def shaped(shape: Callable[[Target], list[int]]) -> tuple[Body, Length]:
    return (
        lambda target: head(target, shape=shape(target)) + target.raw(),
        lambda target: str(len(head(target, shape=shape(target)))),
    )


CASES = (
    case("length of text", said("ten"), 400, HEADER, "whole number", "ten"),
    case("length empty", said(""), 400, HEADER, "whole number"),
    case("length negative", said("-1"), 400, HEADER, "whole number"),
    case("length a fraction", said("1.5"), 400, HEADER, "whole number"),
    case("length hexadecimal", said("0x10"), 400, HEADER, "whole number"),
    case("length with a sign", said("+5"), 400, HEADER, "whole number"),
    case("length beyond 64 bits", said("9" * 30), 400, HEADER, "whole number"),
    case("length beyond the body", said("999999"), 400, HEADER, "999999", "the body has"),
    case("length zero", said("0"), 400, "body is empty", "JSON"),
    case("length one short", lied(lambda t: str(len(head(t)) - 1)), 400, "ends too early"),
    case("length one long", lied(lambda t: str(len(head(t)) + 1)), 400, "trailing characters"),
    case("length is the body's", lied(lambda t: str(len(head(t)) + len(t.raw()))), 400, "trailing characters"),
    case("no length", (lambda t: head(t) + t.raw(), None), 400, "trailing characters"),
    case("no JSON", (lambda t: t.raw(), None), 400, "not valid"),
    case("JSON alone", parts(lambda t: b""), 400, "'{input}'", "only 0 bytes are left"),
    case("one byte short", parts(lambda t: t.raw()[:-1]), 400, "'{input}'", "binary bytes", "are left"),
    case(
        "one byte long", parts(lambda t: t.raw() + b"x"), 400, "1 bytes are left in the body after the last tensor"
    ),
    case("one element long", parts(lambda t: t.raw() + b"\0\0\0\0"), 400, "4 bytes are left"),
    case("twice the rows", parts(lambda t: t.raw(2)), 400, "are left in the body"),
    case("size zero", sized(0), 400, "are left in the body"),
    case("size one", sized(1), 400, "bytes are left in the body"),
    case("size not of whole elements", parts(lambda t: t.raw()[:-2], size=2), 400, "left"),
    case("size of text", sized("8"), 422, SIZE, "whole number", "'8'"),
    case("size negative", sized(-4), 422, SIZE, "whole number"),
    case("size a fraction", sized(8.5), 422, SIZE, "whole number"),
    case("size true", sized(True), 422, SIZE, "whole number"),
    case("size null", sized(None), 400, "$.inputs[0]", "got neither"),
    case("size a list", sized([8]), 422, "$.inputs[0].parameters[...]", "a list", "a whole number"),
    case("size huge", sized(10**15), 400, "{input}", "are left after the JSON"),
    case("size beyond 64 bits", sized(10**30), 400, "are left after the JSON"),
    case("no size", parts(Target.raw, parameters={}), 400, "$.inputs[0]", "got neither"),
    case("parameters null", parts(Target.raw, parameters=None), 400, "$.inputs[0]", "got neither"),
    case("parameters a list", parts(Target.raw, parameters=[]), 422, "$.inputs[0].parameters", "an object"),
    case("too few bytes for the shape", shaped(lambda t: [2, t.width]), 400, "needs", "bytes, got"),
    case("shape negative", shaped(lambda t: [-1, t.width]), 422, "$.inputs[0].shape[0]", "0 or more"),
    case("shape without rows", shaped(lambda t: [0, t.width]), 422, SHAPE, "at least 1"),
    case("shape too wide", shaped(lambda t: [1, t.width + 1]), 422, SHAPE, "must be [-1, {width}]"),
    case("shape too flat", shaped(lambda t: [t.width]), 422, SHAPE, "must be [-1, {width}]"),
    case("shape empty", shaped(lambda t: []), 422, SHAPE, "row axis"),
    case("too many rows", shaped(lambda t: [many(t), t.width]), 413, SHAPE, "at most {max_rows}"),
    case("rows beyond 64 bits", shaped(lambda t: [10**30, t.width]), 413, SHAPE, "at most {max_rows}"),
    case("another datatype", parts(Target.raw, datatype="INT32"), 422, "$.inputs[0].datatype", "must be FP32"),
    case("unknown datatype", parts(Target.raw, datatype="FP24"), 422, "$.inputs[0].datatype", "FP24", "FP32"),
    case("unknown name", parts(Target.raw, name="zzz"), 422, "$.inputs[0].name", "zzz", "allowed: {input}"),
    case("name twice", pair(4, 4), 422, "$.inputs[1].name", "twice"),
    case("second without size", pair(4, None), 422, "$.inputs[1].name", "twice"),
    case("no inputs", (lambda t: b'{"inputs":[]}' + t.raw(), lambda t: "13"), 422, "$.inputs", "{input}"),
    case("JSON is a list", (lambda t: b"[]" + t.raw(), lambda t: "2"), 422, "$", "an object with inputs"),
    case("data and size", parts(Target.raw, data=[1.0]), 400, "$.inputs[0]", "got both"),
    case("shared memory", parts(Target.raw, parameters={"shared_memory_region": "x"}), 422, "not supported"),
    case(
        "output flag of text", outputs(binary_data="true"), 422, "$.outputs[0].parameters.binary_data", "true or"
    ),
    case("output flag a number", outputs(binary_data=1), 422, "$.outputs[0].parameters.binary_data", "true or"),
    case("output classes", outputs(classification=2), 422, "classification", "not supported"),
    case("no gzip", sized(4), 400, "content-encoding", headers={"content-encoding": "gzip"}),
    case("no deflate", sized(4), 400, "content-encoding", headers={"content-encoding": "deflate"}),
    case("image", sized(4), 415, "content-type", headers={"content-type": "image/png"}),
    case("unknown model", parts(Target.raw), 404, "nosuch", path="/v2/models/nosuch/infer"),
    case("unknown version", parts(Target.raw), 404, "999999", path="/v2/models/{model}/versions/999999/infer"),
    case("wrong method", parts(Target.raw), 405, "POST", method="PUT"),
    case("body too large", parts(lambda t: b"\0" * (t.max_body_bytes + 1)), 413, "at most {max_body_bytes}"),
)
