"""The steps of the API server with the structural schema, before it validates the values of an object."""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import join, table

__all__ = ["children", "complete", "drop_nulls", "duplicates", "fill_defaults", "unknown_fields"]

Schema = dict[str, Any]
_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
_TEXT: Schema = {"type": "string"}
_FREE: Schema = {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}

METADATA: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 253, "pattern": _SUBDOMAIN},
        "generateName": _TEXT,
        "namespace": {"type": "string", "maxLength": 63, "pattern": _LABEL},
        "labels": {
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": 63, "pattern": _LABEL_VALUE},
        },
        "annotations": {"type": "object", "additionalProperties": _TEXT},
        "finalizers": {"type": "array", "items": _TEXT},
        "ownerReferences": _FREE,
        "managedFields": _FREE,
        "creationTimestamp": {"type": "string", "nullable": True},
        "deletionTimestamp": _TEXT,
        "deletionGracePeriodSeconds": {"type": "integer"},
        "generation": {"type": "integer"},
        "resourceVersion": _TEXT,
        "selfLink": _TEXT,
        "uid": _TEXT,
    },
}
"""The schema of metadata, which every object has and definitions leave out."""


def complete(schema: Schema, root: bool) -> Schema:
    """Return the schema of the root or of an embedded object, with the fields that every object has."""
    if not root and not schema.get("x-kubernetes-embedded-resource"):
        return schema
    own = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": METADATA}
    return {**schema, "properties": {**table(schema.get("properties")), **own}}


def children(schema: Schema, value: Any) -> Iterator[tuple[Any, Schema | None]]:
    """Yield (key or index, schema) of the parts of a value; None if the schema does not know the key."""
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        yield from ((i, schema["items"]) for i in range(len(value)))
    elif isinstance(value, dict):
        properties, more = table(schema.get("properties")), schema.get("additionalProperties")
        fallback = more if isinstance(more, dict) else {} if more is True else None
        yield from ((key, properties.get(key, fallback)) for key in value)


def drop_nulls(schema: Schema, value: Any, root: bool = True) -> None:
    """Remove keys whose value must not be null and is: the API server reads them as absent. Changes `value`."""
    for key, inner in list(children(complete(schema, root), value)):
        if not inner:
            continue
        if value[key] is None and isinstance(value, dict) and not inner.get("nullable"):
            del value[key]
        else:
            drop_nulls(inner, value[key], root=False)


def fill_defaults(schema: Schema, value: Any) -> None:
    """Set the defaults of the schema, from the outside in. Changes `value`."""
    if isinstance(value, dict):
        for key, inner in table(schema.get("properties")).items():
            if key not in value and "default" in inner:
                value[key] = copy.deepcopy(inner["default"])
    for key, known in children(schema, value):
        if known:
            fill_defaults(known, value[key])


def unknown_fields(schema: Schema, value: Any, path: str = "", root: bool = True) -> Iterator[tuple[str, str]]:
    """Yield (path, message) of every field that the schema neither knows nor preserves."""
    schema = complete(schema, root)
    for key, inner in children(schema, value):
        if inner is None and not schema.get("x-kubernetes-preserve-unknown-fields"):
            near = difflib.get_close_matches(str(key), list(table(schema.get("properties"))), 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield join(path, key), f"there is no field {key!r}{hint}"
        elif inner:
            yield from unknown_fields(inner, value[key], join(path, key), root=False)


def duplicates(schema: Schema, value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, message) of every entry that a list of the type `map` or `set` has twice."""
    kind = schema.get("x-kubernetes-list-type")
    if isinstance(value, list) and kind in ("map", "set"):
        keys = schema.get("x-kubernetes-list-map-keys") or []
        seen: dict[str, int] = {}
        for i, item in enumerate(value):
            shown = item if kind == "set" else {key: table(item).get(key) for key in keys}
            text = json.dumps(shown, sort_keys=True, default=str)
            if text in seen:
                yield join(path, i), f"{text} already exists at [{seen[text]}]"
            seen.setdefault(text, i)
    for key, inner in children(schema, value):
        if inner:
            yield from duplicates(inner, value[key], join(path, key))
