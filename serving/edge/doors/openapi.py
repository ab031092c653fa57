"""OpenAPI from the routes and the apps' own types: units, ranges and examples come from their schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from serving.edge.doors.operation import REF, AnyApp, AppDescription, Operation, denials
from serving.edge.doors.v2 import SCHEMAS, server_version
from serving.edge.http.routes import Route

__all__ = ["document", "lowered"]

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
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a JSON Web Token."},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"key": []}]
"""Either will do."""
ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


def document(routes: Sequence[Route], apps: Sequence[AnyApp], asks_callers: bool = False) -> dict[str, Any]:
    """The whole description, OpenAPI 3.1: each app's own paths, then those that all apps share.

    `asks_callers`: whether callers have to show who they are.
    """
    ordered = sorted(_types(apps), key=lambda kind: (kind.__module__, kind.__qualname__))
    # Two apps may name their types alike; msgspec then makes longer names, so its references are the ones to use.
    found, components = msgspec.json.schema_components(ordered, ref_template=REF + "{name}")
    references = dict(zip(ordered, found, strict=True))
    paths: dict[str, Any] = {}
    for path, route, operation in _operations(routes, apps, references):
        made = operation.document(path)
        if asks_callers and route.scope is not None:
            made |= {"security": SECURITY, "responses": {**made["responses"], **denials(path)}}
        paths.setdefault(path, {})[route.method.lower()] = made
    described: dict[str, Any] = {"schemas": {**components, **SCHEMAS, "Problem": PROBLEM, "Error": ERROR}}
    if asks_callers:
        described["securitySchemes"] = SCHEMES
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Slipway",
            "version": server_version(),
            "description": (
                "KServe v1 (typed records) and Open Inference Protocol v2 (tensors). Where an integer is wanted, "
                "5.0 is read as 5 in bodies of up to 1 MiB, and 5.5 is refused with 422; so is one with a decimal "
                "point beyond 2^53."
            ),
        },
        "paths": paths,
        "components": described,
    }


def _types(apps: Iterable[AnyApp]) -> set[Any]:
    types = {kind for app in apps for kind in (app.question, app.answer, app.explanation) if kind is not None}
    return types | {app.collection.record for app in apps if app.collection is not None}


def _operations(
    routes: Sequence[Route], apps: Iterable[AnyApp], references: Mapping[Any, dict[str, Any]]
) -> Iterable[tuple[str, Route, Operation]]:
    """Path, route and operation of every route that has a description."""
    for app in apps:
        for route in routes:
            if callable(route.description):
                operation = cast(AppDescription, route.description)(app, references)
                if operation is not None:
                    yield _path_of(route, app), route, operation
    for route in routes:
        if isinstance(route.description, Operation):
            yield route.path, route, route.description


def _path_of(route: Route, app: AnyApp) -> str:
    """The path with the names that only this app has."""
    path = route.path.replace("{model}", app.name)
    return path.replace("{collection}", app.collection.name) if app.collection is not None else path


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
