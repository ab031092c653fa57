"""Translate the OpenAPI v3 of definitions into JSON Schema, draft 7."""

from __future__ import annotations

from typing import Any

from control.lint.manifests.objects.tree import table
from control.lint.manifests.schemas.crds.structural import complete

__all__ = ["translate"]

_SAME = (
    "enum maxItems maxLength maxProperties maximum minItems minLength minProperties minimum multipleOf pattern "
    "required uniqueItems"
).split()
_FORMATS = ("byte", "date", "date-time", "email", "hostname", "ipv4", "ipv6", "uri")
_WIDTHS = {"int32": 31, "int64": 63}


def translate(schema: dict[str, Any], root: bool = False, structural: bool = True) -> dict[str, Any]:
    """Return a JSON Schema that accepts and refuses the same values as the API server.

    `structural` is false below allOf, anyOf, oneOf and not, where a definition only adds conditions.
    """
    if structural:
        schema = complete(schema, root)
    made: dict[str, Any] = {key: schema[key] for key in _SAME if key in schema}
    _type(schema, made)
    _bounds(schema, made)
    if table(schema.get("properties")):
        named = schema["properties"].items()
        made["properties"] = {name: translate(inner, structural=structural) for name, inner in named}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            made[key] = translate(schema[key], structural=structural)
    for key in ("allOf", "anyOf", "oneOf"):
        # The extension gives the type of an int-or-string; its anyOf only repeats the type.
        if key in schema and not (key == "anyOf" and schema.get("x-kubernetes-int-or-string")):
            made[key] = [translate(inner, structural=False) for inner in schema[key]]
    if "not" in schema:
        made["not"] = translate(schema["not"], structural=False)
    return made


def _type(schema: dict[str, Any], made: dict[str, Any]) -> None:
    kinds = ["integer", "string"] if schema.get("x-kubernetes-int-or-string") else schema.get("type")
    if kinds is None:
        return
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if schema.get("nullable"):
        kinds = [*kinds, "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    made["type"] = kinds


def _bounds(schema: dict[str, Any], made: dict[str, Any]) -> None:
    """Translate bounds. Exclusive bounds are booleans in OpenAPI 3.0 and numbers in draft 7; int32 is a range."""
    for side in ("Minimum", "Maximum"):
        exclusive = schema.get(f"exclusive{side}")
        if exclusive is True and side.lower() in made:
            made[f"exclusive{side}"] = made.pop(side.lower())
        elif exclusive is not None and not isinstance(exclusive, bool):
            made[f"exclusive{side}"] = exclusive
    form = schema.get("format")
    if form in _WIDTHS and schema.get("type") == "integer":
        bits = _WIDTHS[form]
        made["minimum"] = max(made.get("minimum", -(2**bits)), -(2**bits))
        made["maximum"] = min(made.get("maximum", 2**bits - 1), 2**bits - 1)
    elif form in _FORMATS:
        made["format"] = form
