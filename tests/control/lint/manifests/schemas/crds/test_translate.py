from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from control.lint.manifests.schemas.crds.translate import translate

INT_OR_STRING = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer", "format": "int32"}, [0, 2**31 - 1], [2**31, -(2**31) - 1, "1", True, 1.5]),
        ({"type": "integer", "format": "int64"}, [2**63 - 1], [2**63]),
        ({"type": "integer", "minimum": 1, "format": "int32"}, [1], [0]),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, [0.1], [0]),
        ({"type": "number", "maximum": 5, "exclusiveMaximum": False}, [5], [5.1]),
        ({"type": "string", "nullable": True, "enum": ["a"]}, ["a", None], ["b"]),
        ({"type": "string", "format": "date-time"}, ["anything without the checker's extra"], [3]),
        ({"type": "string", "format": "ipv4"}, ["10.0.0.1"], ["10.0.0.256"]),
        (INT_OR_STRING, [1, "1"], [1.5, [], True]),
        ({"type": "object", "required": ["a"]}, [{"a": 1}], [{}]),
        ({"type": "array", "maxItems": 1, "items": {"type": "string"}}, [["a"]], [["a", "b"], [1]]),
        ({"type": "object", "additionalProperties": {"type": "string"}}, [{"a": "b"}], [{"a": 1}]),
        ({"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, ["ab"], ["a", "b"]),
        (
            {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            [{"a": 1}],
            [{}, {"a": 1, "b": 1}],
        ),
        ({"type": "string", "not": {"enum": ["x"]}}, ["y"], ["x"]),
    ],
)
def test_what_is_taken_and_refused(schema: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    validator = Draft7Validator(translate(schema), format_checker=FormatChecker())
    assert [value for value in good if not validator.is_valid(value)] == []
    assert [value for value in bad if validator.is_valid(value)] == []


def test_the_root_has_metadata() -> None:
    validator = Draft7Validator(translate({"type": "object"}, root=True))
    assert validator.is_valid({"metadata": {"name": "a.b"}})
    for name in ("A", "a_b", "a" * 254, 3):
        assert not validator.is_valid({"metadata": {"name": name}})
    assert not validator.is_valid({"metadata": {"labels": {"a": "b c"}}})
