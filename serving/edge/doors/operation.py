"""What OpenAPI says of one route, and the pieces that such descriptions are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.edge.codec.records import IDENTITY
from serving.edge.error_responses import PROBLEM_TYPE, type_of
from serving.edge.request_life import SANE_ID
from serving.kernel import errors
from serving.kernel.app import App

__all__ = [
    "PATTERNS",
    "REF",
    "REQUEST_HEADERS",
    "AnyApp",
    "AppDescription",
    "Operation",
    "References",
    "answer",
    "array_of",
    "denials",
    "json_body",
    "object_of",
    "problem",
    "problems",
    "query",
    "v2_errors",
]

JsonObject = dict[str, Any]
AnyApp = App[Any, Any, Any]
References = Mapping[Any, JsonObject]
"""Type -> the reference to its schema."""
JSON_TYPE = "application/json"
REF = "#/components/schemas/"
DENIALS = (errors.Unauthenticated, errors.Forbidden, errors.TooManyRequests)
FAILURES = (
    errors.Malformed,
    errors.NotFound,
    errors.BodyTimeout,
    errors.TooLarge,
    errors.UnsupportedMedia,
    errors.Invalid,
    errors.BackendFailed,
    errors.Unavailable,
    errors.DeadlineExceeded,
)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path. The parameters of the path are read from the path itself."""

    name: str
    tag: str
    summary: str
    answers: JsonObject
    """Status -> response object."""
    parameters: Sequence[JsonObject] = ()
    body: JsonObject | None = None

    def document(self, path: str) -> JsonObject:
        """The operation object."""
        made: JsonObject = {
            "tags": [self.tag],
            "summary": self.summary,
            "operationId": self.name,
            "parameters": [*map(_path_parameter, re.findall(r"\{(\w+)\}", path)), *self.parameters],
            "responses": self.answers,
        }
        return made if self.body is None else {**made, "requestBody": self.body}


AppDescription = Callable[[AnyApp, References], Operation | None]
"""For a route that each app has with its own types; None for an app without it."""


PATTERNS: dict[str, str] = {
    "id": f"^{IDENTITY.pattern}$",
    "model": "^[^/:]+$",
    "version": "^0{0,14}[1-9][0-9]{0,14}$",
    "collection": "^[^/:]+$",
}
"""What a parameter of a path must look like; anything else is answered with 404."""


def _path_parameter(name: str) -> JsonObject:
    pattern = {"pattern": PATTERNS[name]} if name in PATTERNS else {}
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", **pattern}}


def _header(name: str, text: str, schema: JsonObject) -> JsonObject:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": schema}


REQUEST_HEADERS = (
    _header(
        "X-Request-Id",
        "Made up when absent or of another form, always sent back.",
        {"type": "string", "pattern": f"^{SANE_ID.pattern}$"},
    ),
    _header(
        "X-Request-Timeout-Ms",
        "Milliseconds after which the answer is of no use.",
        {"type": "integer", "minimum": 1, "maximum": 10**15 - 1},
    ),
    _header("Traceparent", "W3C trace context.", {"type": "string"}),
)


def query(name: str, text: str, schema: JsonObject) -> JsonObject:
    """An optional parameter of the query string."""
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


def object_of(properties: JsonObject) -> JsonObject:
    """The schema of an object that has all of the properties."""
    return {"type": "object", "required": list(properties), "properties": properties}


def array_of(items: JsonObject, **limits: int) -> JsonObject:
    """The schema of an array."""
    return {"type": "array", **limits, "items": items}


def json_body(schema: JsonObject, example: Any = None) -> JsonObject:
    """A required body of JSON."""
    media: JsonObject = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"required": True, "content": {JSON_TYPE: media}}


def answer(description: str, schema: JsonObject, media: str = JSON_TYPE) -> JsonObject:
    """A response with the headers that every answer may have."""
    headers = {"X-Request-Id": {"schema": {"type": "string"}}, "X-Model-Version": {"schema": {"type": "string"}}}
    return {"description": description, "headers": headers, "content": {media: {"schema": schema}}}


def problems() -> JsonObject:
    """The failures of v1: problem documents."""
    return _failures({kind: problem(kind) for kind in FAILURES})


def problem(kind: type[errors.SlipwayError]) -> JsonObject:
    """The answer to one kind of failure of v1."""
    return answer(f"{kind.title} (`{type_of(kind)}`).", {"$ref": REF + "Problem"}, PROBLEM_TYPE)


def v2_errors() -> JsonObject:
    """The failures of v2: `{"error": ...}`."""
    return _failures({kind: v2_error(kind) for kind in FAILURES})


def v2_error(kind: type[errors.SlipwayError]) -> JsonObject:
    """The answer to one kind of failure of v2."""
    return answer(f"{kind.title}.", {"$ref": REF + "Error"})


def denials(path: str) -> JsonObject:
    """How a path answers callers that do not show who they are, may not use it, or have tried too many keys."""
    made = v2_error if path.startswith("/v2") else problem
    return {str(kind.status): made(kind) for kind in DENIALS}


def _failures(made: Mapping[type[errors.SlipwayError], JsonObject]) -> JsonObject:
    found = {str(kind.status): response for kind, response in made.items()}
    found["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return found
