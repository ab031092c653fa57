"""OpenAPI from the apps' own types: units, ranges and examples come from their schemas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from serving.edge.codec.records import MOST_RECORDS
from serving.edge.doors.v2 import server_version
from serving.edge.error_responses import PROBLEM_TYPE, type_of
from serving.kernel import errors
from serving.kernel.app import App

__all__ = ["document", "lowered"]

AnyApp = App[Any, Any, Any]
References = dict[Any, dict[str, Any]]
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
REF = "#/components/schemas/"
PROBLEM = {
    "type": "object",
    "description": "An RFC 9457 problem document.",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, where, and what is allowed."},
        "field": {
            "type": "string",
            "description": "JSON path of the field at fault.",
            "example": "$.instances[0]",
        },
        "request_id": {"type": "string"},
    },
}
ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
NEXT = {
    "anyOf": [{"type": "string"}, {"type": "null"}],
    "description": "`after` of the next page; null at the end.",
}
ANSWER = {"model_name": {"type": "string"}, "model_version": {"type": "string"}, "request_id": {"type": "string"}}


def document(apps: Sequence[AnyApp]) -> dict[str, Any]:
    """The whole description, OpenAPI 3.1."""
    types = {kind for app in apps for kind in (app.question, app.answer, app.explanation) if kind is not None}
    types |= {app.collection.record for app in apps if app.collection is not None}
    ordered = sorted(types, key=lambda kind: (kind.__module__, kind.__qualname__))
    # Two apps may name their types alike; msgspec then makes longer names, so its references are the ones to use.
    found, components = msgspec.json.schema_components(ordered, ref_template=REF + "{name}")
    references = dict(zip(ordered, found, strict=True))
    paths: dict[str, Any] = {}
    for app in apps:
        paths |= _record_paths(app, references) | _collection_paths(app, references)
    paths |= _tensor_paths() | _plain_paths()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Slipway",
            "version": server_version(),
            "description": "KServe v1 (typed records) and Open Inference Protocol v2 (tensors).",
        },
        "paths": paths,
        "components": {"schemas": {**components, **_tensor_schemas(), "Problem": PROBLEM, "Error": ERROR}},
    }


def _record_paths(app: AnyApp, references: References) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    verbs = [("predict", "predictions", app.answer)]
    if app.explanation is not None:
        verbs.append(("explain", "explanations", app.explanation))
    for verb, key, answer in verbs:
        for middle, parameters in (("", []), ("/versions/{version}", [_path_parameter("version")])):
            paths[f"/v1/models/{app.name}{middle}:{verb}"] = {
                "post": {
                    "tags": [app.name],
                    "summary": app.summary if verb == "predict" else f"What is behind the answers of {app.name}",
                    "operationId": f"{app.name}_{verb}{'_version' if middle else ''}",
                    "parameters": [*parameters, *REQUEST_HEADERS],
                    "requestBody": {"required": True, "content": {"application/json": _question(app, references)}},
                    "responses": {"200": _records(key, references[answer]), **_failures(PROBLEM_TYPE, "Problem")},
                }
            }
    return paths


def _collection_paths(app: AnyApp, references: References) -> dict[str, Any]:
    """The records an app keeps."""
    if app.collection is None:
        return {}
    name, record = app.collection.name, references[app.collection.record]
    one, several = _path_parameter("id"), {"type": "array", "maxItems": MOST_RECORDS, "items": record}
    example = msgspec.to_builtins(app.collection.example)
    paging = [
        _query("after", "string", "`next` of the page before."),
        _query("limit", "integer", f"1 to {MOST_RECORDS}."),
    ]
    page = _object({"records": several, "count": {"type": "integer"}, "next": NEXT})
    written = _object({"written": {"type": "integer"}})

    def of(verb: str, summary: str, parameters: list[Any], body: Any = None, given: Any = None) -> dict[str, Any]:
        done = _answer(summary, "application/json", given) if given else {"description": "Done."}
        made = {
            "tags": [app.name],
            "summary": summary,
            "operationId": f"{app.name}_{verb}_{name}",
            "parameters": [*parameters, *REQUEST_HEADERS],
            "responses": {"200" if given else "204": done, **_failures(PROBLEM_TYPE, "Problem")},
        }
        return made if body is None else {**made, "requestBody": _body(*body)}

    base = f"/v1/models/{app.name}/{name}"
    listed = {"type": "object", "required": ["records"], "properties": {"records": {**several, "minItems": 1}}}
    return {
        base: {
            "post": of("bulk", f"Keep several {name}, all or none", [], (listed, {"records": [example]}), written),
            "get": of("list", f"The {name} by id, a page at a time", paging, given=page),
        },
        f"{base}/{{id}}": {
            "put": of("put", "Keep one, new or in place of the one before", [one], (record, example)),
            "get": of("get", "One as it is kept", [one], given=record),
            "delete": of("delete", "Remove one", [one]),
        },
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _body(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _question(app: AnyApp, references: References) -> dict[str, Any]:
    return {
        "schema": {
            "type": "object",
            "required": ["instances"],
            "additionalProperties": False,
            "properties": {"instances": {"type": "array", "minItems": 1, "items": references[app.question]}},
        },
        "example": {"instances": [msgspec.to_builtins(app.example)]},
    }


def _records(key: str, answer: dict[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": [key, *ANSWER],
        "properties": {key: {"type": "array", "items": answer}, **ANSWER},
    }
    return _answer("One record per instance, in order.", "application/json", schema)


def _failures(media: str, schema: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in FAILURES:
        found[str(kind.status)] = _answer(
            f"{kind.title} (`{type_of(kind)}`)." if schema == "Problem" else f"{kind.title}.",
            media,
            {"$ref": REF + schema},
        )
    found["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return found


def _answer(description: str, media: str, schema: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-Request-Id": {"schema": {"type": "string"}}, "X-Model-Version": {"schema": {"type": "string"}}}
    return {"description": description, "headers": headers, "content": {media: {"schema": schema}}}


def _header(name: str, kind: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": kind}}


def _query(name: str, kind: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": kind}}


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


REQUEST_HEADERS = (
    _header("X-Request-Id", "string", "1 to 128 of A-Z a-z 0-9 . _ -; made up when absent, always sent back."),
    _header("X-Request-Timeout-Ms", "integer", "Milliseconds after which the answer is of no use."),
    _header("Traceparent", "string", "W3C trace context."),
)


def _tensor_paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for middle, suffix in (("", ""), ("/versions/{version}", "_version")):
        base = f"/v2/models/{{model}}{middle}"
        parameters = [_path_parameter("model")] + ([_path_parameter("version")] if middle else [])
        infer = _get("Tensors to tensors", f"infer{suffix}", [*parameters, *REQUEST_HEADERS], "InferResponse")
        infer["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REF + "InferRequest"}}},
        }
        paths[f"{base}/infer"] = {"post": infer}
        paths[base] = {"get": _get("Names, types and shapes", f"metadata{suffix}", parameters)}
        paths[f"{base}/ready"] = {"get": _get("Whether it can answer", f"model_ready{suffix}", parameters)}
    paths["/v2"] = {"get": _get("Name, version and extensions", "server_metadata", [])}
    paths["/v2/health/live"] = {"get": _get("The process answers", "live", [])}
    paths["/v2/health/ready"] = {"get": _get("Every app can answer", "ready", [])}
    paths["/v2/repository/index"] = {"post": _get("Every version with its state", "repository_index", [])}
    return paths


def _get(summary: str, name: str, parameters: list[Any], schema: str = "") -> dict[str, Any]:
    content = {"$ref": REF + schema} if schema else {}
    return {
        "tags": ["Open Inference Protocol v2"],
        "summary": summary,
        "operationId": f"v2_{name}",
        "parameters": parameters,
        "responses": {
            "200": _answer(summary + ".", "application/json", content),
            **_failures("application/json", "Error"),
        },
    }


def _plain_paths() -> dict[str, Any]:
    rows: tuple[tuple[str, str, str, list[Any]], ...] = (
        ("/v1/models", "Names of the apps", "v1_models", []),
        ("/v1/models/{model}", "Whether one app can answer", "v1_model", [_path_parameter("model")]),
        ("/metrics", "Prometheus's text format", "metrics", []),
        ("/-/healthz", "Whether this node can answer, as Ray Serve says it", "healthz", []),
        ("/-/routes", "Route prefix to application, as Ray Serve says it", "routes", []),
    )
    return {
        path: {
            "get": {
                "tags": ["operations"],
                "summary": summary,
                "operationId": name,
                "parameters": parameters,
                "responses": {"200": {"description": summary + "."}},
            }
        }
        for path, summary, name, parameters in rows
    }


def _tensor_schemas() -> dict[str, Any]:
    tensor = {
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": {"type": "string"},
            "datatype": {"type": "string", "example": "FP32"},
            "shape": {"type": "array", "items": {"type": "integer"}, "example": [1, 4]},
            "parameters": {"type": "object"},
            "data": {"type": "array", "items": {}, "description": "Flat or nested; null is NaN."},
        },
    }
    tensors = {"type": "array", "items": {"$ref": REF + "Tensor"}}
    names: Iterable[str] = ("model_name", "model_version", "id")
    return {
        "Tensor": tensor,
        "InferRequest": {
            "type": "object",
            "required": ["inputs"],
            "properties": {"id": {"type": "string"}, "parameters": {"type": "object"}, "inputs": tensors},
        },
        "InferResponse": {
            "type": "object",
            "properties": {**{name: {"type": "string"} for name in names}, "outputs": tensors},
        },
    }


def lowered(node: Any) -> Any:
    """The same description in OpenAPI 3.0, for readers that do not know 3.1."""
    if isinstance(node, list):
        return [lowered(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: lowered(value) for key, value in node.items()}
    if made.get("openapi") == "3.1.0":
        made["openapi"] = "3.0.3"
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(bound), int | float) and not isinstance(made.get(bound), bool):
            made[limit], made[bound] = made[bound], True
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if isinstance(made.get("examples"), list) and made["examples"]:
        made["example"] = made.pop("examples")[0]
    if "prefixItems" in made:
        made.pop("prefixItems")
        made["items"] = {}
    options = made.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        made.pop("anyOf")
        made |= {"nullable": True, **(rest[0] if len(rest) == 1 and "$ref" not in rest[0] else {"anyOf": rest})}
    return made
