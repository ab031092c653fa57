"""Malformed requests to the KServe v1 door."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.serving.edge.malformed.case import Body, Case, Target

PATH = "/v1/models/{model}:predict"


def case(name: str, body: Body, status: int, *says: str, **more: Any) -> Case:
    return Case(name, more.pop("path", PATH), body, status, says, **more)


def valid(target: Target) -> bytes:
    return target.instances()


def changed(value: Any) -> Callable[[Target], bytes]:
    """The whole-number field set to `value`."""
    return lambda target: target.instances(**{target.integer: value})


def spliced(text: str) -> Callable[[Target], bytes]:
    """The whole-number field holding `text` as it is, JSON or not."""
    return lambda target: target.instances(**{target.integer: "@@"}).replace(b'"@@"', text.encode())


def instances(value: Any) -> bytes:
    return json.dumps({"instances": value}).encode()


FIELD = "$.instances[0].{integer}"
RANGE = "from {low} to {high}"

CASES = (
    case("empty body", b"", 400, "body is empty", "JSON"),
    case("only spaces", b"   ", 400, "not valid JSON"),
    case("not JSON", b"hello", 400, "not valid JSON", "byte 0"),
    case("cut short", lambda t: t.instances()[:-5], 400, "ends too early"),
    case("one brace", b"{", 400, "ends too early, after 1 bytes"),
    case("trailing characters", lambda t: t.instances() + b"x", 400, "trailing characters"),
    case("two documents", lambda t: t.instances() * 2, 400, "trailing characters"),
    case("trailing comma", b'{"instances":[],}', 400, "trailing comma"),
    case("single quotes", b"{'instances':[]}", 400, "object keys must be strings"),
    case("comment", b'{/* */"instances":[]}', 400, "not valid JSON", "byte 1"),
    case("byte order mark", lambda t: b"\xef\xbb\xbf" + t.instances(), 400, "byte 0"),
    case("UTF-16", lambda t: t.instances().decode().encode("utf-16"), 400, "not valid JSON"),
    case("invalid UTF-8 outside strings", b"\xff\xfe", 400, "byte 0"),
    case("invalid UTF-8 key", b'{"\xff":1}', 400, "not valid UTF-8"),
    case("lone surrogate key", b'{"\\ud800":1}', 400, "not valid JSON"),
    case("control character in a key", b'{"a\x01b":1}', 400, "not valid JSON"),
    case("NaN", spliced("NaN"), 400, "not valid JSON", "byte"),
    case("Infinity", spliced("Infinity"), 400, "not valid JSON", "byte"),
    case("minus infinity", spliced("-Infinity"), 400, "not valid JSON", "byte"),
    case("leading zero", spliced("01"), 400, "not valid JSON"),
    case("digits with a gap", spliced("1_0"), 400, "not valid JSON"),
    case("deep nesting", b'{"instances":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", 422, "$.instances[0]"),
    case("unbalanced nesting", b"[" * 100_000, 422, "$", "an object"),
    case("top-level list", b"[]", 422, "$", "a list", "an object with instances"),
    case("top-level null", b"null", 422, "$", "null", "an object with instances"),
    case("top-level text", b'"x"', 422, "$", "a string", "an object"),
    case("top-level number", b"7", 422, "$", "a whole number", "an object"),
    case("empty object", b"{}", 422, "$.instances", "required field is missing", "a list"),
    case("misspelt instances", b'{"instance":[]}', 422, "$.instance", "allowed: instances"),
    case("unknown key beside", b'{"instances":[],"x":1}', 422, "$.x", "allowed: instances"),
    case("instances is null", instances(None), 422, "$.instances", "null", "a list"),
    case("instances is an object", instances({}), 422, "$.instances", "an object", "a list"),
    case("instances is text", instances("x"), 422, "$.instances", "a string", "a list"),
    case("no instances", instances([]), 422, "$.instances", "at least 1"),
    case("instance is null", instances([None]), 422, "$.instances[0]", "null", "an object with"),
    case("instance is a list", instances([[1, 2]]), 422, "$.instances[0]", "a list", "an object with"),
    case("instance is a number", instances([1]), 422, "$.instances[0]", "an object with"),
    case("empty instance", instances([{}]), 422, "$.instances[0].", "required field is missing"),
    case("second instance wrong", lambda t: instances([t.instance, 1]), 422, "$.instances[1]", "an object"),
    case("field missing", changed(...), 422, FIELD, "required field is missing", RANGE),
    case("unknown field", lambda t: t.instances(surprise=1), 422, "$.instances[0].surprise", "allowed: "),
    case("field of text", changed("seven"), 422, FIELD, "a string", RANGE),
    case("field of digits in quotes", changed("7"), 422, FIELD, "a string", RANGE),
    case("field null", changed(None), 422, FIELD, "null", RANGE),
    case("field true", changed(True), 422, FIELD, "true or false", RANGE),
    case("field a fraction", changed(1.5), 422, FIELD, "a number with a decimal point", RANGE),
    case("field of a whole fraction out of range", changed(-5.0), 422, FIELD, "out of range", RANGE),
    case("field a little over a whole number", spliced("5.0000001"), 422, FIELD, "a decimal point", RANGE),
    case("field a list", changed([1]), 422, FIELD, "a list", RANGE),
    case("field an object", changed({}), 422, FIELD, "an object", RANGE),
    case("field too small", lambda t: t.instances(**{t.integer: t.low - 1}), 422, FIELD, "out of range", RANGE),
    case("field too large", lambda t: t.instances(**{t.integer: t.high + 1}), 422, FIELD, "out of range", RANGE),
    case("field negative", changed(-(2**31)), 422, FIELD, RANGE),
    case("field beyond 64 bits", changed(10**30), 422, FIELD, RANGE),
    case("field of 5000 digits", spliced("9" * 5000), 422, FIELD, "out of range"),
    case("field an exponent", spliced("1e400"), 422, FIELD, "out of range"),
    case("too many instances", lambda t: instances([t.instance] * (t.max_rows + 1)), 413, "at most {max_rows}"),
    case("body too large", lambda t: b" " * (t.max_body_bytes + 1), 413, "at most {max_body_bytes}"),
    case("no gzip", valid, 400, "content-encoding", "gzip", headers={"content-encoding": "gzip"}),
    case("no deflate", valid, 400, "content-encoding", "deflate", headers={"content-encoding": "deflate"}),
    case("brotli", valid, 415, "content-encoding", "uncompressed", headers={"content-encoding": "br"}),
    case("XML", b"<a/>", 415, "content-type", "application/json", headers={"content-type": "application/xml"}),
    case("form", b"", 415, "content-type", headers={"content-type": "multipart/form-data; boundary=x"}),
    case("Latin-1", valid, 415, "charset", "utf-8", headers={"content-type": "application/json; charset=latin1"}),
    case("timeout zero", valid, 400, "x-request-timeout-ms", ">= 1", headers={"x-request-timeout-ms": "0"}),
    case("timeout negative", valid, 400, "x-request-timeout-ms", headers={"x-request-timeout-ms": "-5"}),
    case("timeout of text", valid, 400, "x-request-timeout-ms", headers={"x-request-timeout-ms": "soon"}),
    case("timeout a fraction", valid, 400, "x-request-timeout-ms", headers={"x-request-timeout-ms": "1.5"}),
    case("unknown model", valid, 404, "nosuch", path="/v1/models/nosuch:predict"),
    case("unknown verb", valid, 404, "no path", path="/v1/models/{model}:train"),
    case("no verb", valid, 405, "allowed: GET", path="/v1/models/{model}"),
    case("GET predict", b"", 405, "POST", method="GET"),
    case("PUT predict", valid, 405, "POST", method="PUT"),
    case("unknown version", valid, 404, "999999", path="/v1/models/{model}/versions/999999:predict"),
    case("version of text", valid, 404, "whole numbers", path="/v1/models/{model}/versions/new:predict"),
    case("version zero", valid, 404, "whole numbers", path="/v1/models/{model}/versions/0:predict"),
    case("version negative", valid, 404, "whole numbers", path="/v1/models/{model}/versions/-1:predict"),
    case("path beyond the model", valid, 404, "no path", path="/v1/models/{model}/x:predict"),
    case("dots in the path", valid, 404, "no path", path="/v1/models/../{model}:predict"),
    case("explain not JSON", b"x", 400, "not valid JSON", path="/v1/models/{model}:explain"),
    case("explain out of range", changed(-1), 422, FIELD, RANGE, path="/v1/models/{model}:explain"),
)
