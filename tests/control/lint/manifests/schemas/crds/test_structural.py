from __future__ import annotations

from typing import Any

from control.lint.manifests.schemas.crds.structural import drop_nulls, duplicates, fill_defaults, unknown_fields

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "default": 3},
                "note": {"type": "string", "nullable": True},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "pairs": {"type": "object", "additionalProperties": {"type": "string"}},
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name", "protocol"],
                    "items": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string"},
                            "protocol": {"type": "string", "default": "TCP"},
                        },
                    },
                },
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "inner": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {}},
            },
        }
    },
}


def test_unknown_fields_are_named_with_what_is_near() -> None:
    body = {
        "apiVersion": "v1",
        "kind": "A",
        "metadata": {"name": "a", "lables": {}},
        "spec": {"sise": 1, "free": {"any": 1}, "pairs": {"any": "1"}, "ports": [{"nam": "a"}]},
    }
    found = dict(unknown_fields(SCHEMA, body))
    assert set(found) == {"metadata.lables", "spec.sise", "spec.ports[0].nam"}
    assert "did you mean size?" in found["spec.sise"]


def test_embedded_objects_have_metadata() -> None:
    inner = {"apiVersion": "v1", "kind": "B", "metadata": {"name": "b"}, "data": {}}
    assert [path for path, _ in unknown_fields(SCHEMA, {"spec": {"inner": inner}})] == ["spec.inner.data"]


def test_nulls_are_absent_unless_they_are_allowed() -> None:
    body = {"spec": {"size": None, "note": None, "ports": [{"name": None}]}, "extra": None}
    drop_nulls(SCHEMA, body)
    assert body == {"spec": {"note": None, "ports": [{}]}, "extra": None}


def test_defaults_are_filled_in_everywhere_there_is_a_place() -> None:
    body: dict[str, Any] = {"spec": {"ports": [{"name": "a"}]}}
    fill_defaults(SCHEMA, body)
    assert body == {"spec": {"size": 3, "ports": [{"name": "a", "protocol": "TCP"}]}}
    empty: dict[str, Any] = {}
    fill_defaults(SCHEMA, empty)
    assert empty == {}


def test_entries_that_are_there_twice() -> None:
    ports = [{"name": "a", "protocol": "TCP"}, {"name": "a", "protocol": "UDP"}, {"name": "a", "protocol": "TCP"}]
    found = dict(duplicates(SCHEMA, {"spec": {"ports": ports, "tags": ["x", "y", "x"]}}))
    assert set(found) == {"spec.ports[2]", "spec.tags[2]"} and "[0]" in found["spec.tags[2]"]
