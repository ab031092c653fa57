from __future__ import annotations

from typing import Any

import pytest

from slipway_client.typed.schemas import Records, class_name, one_line

SCHEMAS: dict[str, Any] = {
    "Day": {
        "type": "object",
        "description": "One\n  day.",
        "required": ["price"],
        "properties": {
            "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 10, "description": "INR."},
            "note": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]},
            "next": {"$ref": "#/components/schemas/Day"},
        },
    },
    "Grade": {"enum": ["a", "b"]},
    "Loop": {"$ref": "#/components/schemas/Loop"},
}


@pytest.mark.parametrize(
    ("schema", "annotation"),
    [
        ({"type": "string"}, "str"),
        ({"type": "string", "format": "date"}, "str"),
        ({"type": "integer"}, "int"),
        ({"type": "number"}, "float"),
        ({"type": "boolean"}, "bool"),
        ({"type": "null"}, "None"),
        ({"type": ["string", "null"]}, "str | None"),
        ({"enum": ["a", 1, None]}, 'Literal["a", 1, None]'),
        ({"const": "x"}, 'Literal["x"]'),
        ({"enum": [1.5]}, "Any"),
        ({"type": "array", "items": {"type": "integer"}}, "list[int]"),
        ({"type": "array"}, "list[Any]"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "dict[str, float]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "integer"}]}, "int | float"),
        ({"anyOf": [{"type": "integer"}, {}]}, "Any"),
        ({"$ref": "#/components/schemas/Grade"}, 'Literal["a", "b"]'),
        ({"$ref": "#/components/schemas/Loop"}, "Any"),
        ({"$ref": "#/components/schemas/Nothing"}, "Any"),
        ({"type": "strange"}, "Any"),
        ({}, "Any"),
        (None, "Any"),
        (True, "Any"),
    ],
)
def test_schemas_as_annotations(schema: Any, annotation: str) -> None:
    assert Records(SCHEMAS).annotation(schema) == annotation


def test_an_object_is_a_record_that_may_refer_to_itself() -> None:
    records = Records(SCHEMAS)
    assert records.annotation({"type": "array", "items": {"$ref": "x/Day"}}) == "list[Day]"
    assert records.annotation({"$ref": "x/Day"}) == "Day"
    (day,) = records.made
    assert day.text == "One day."
    assert day.fields == [
        ("price", "float", True, "INR (> 0, <= 10)."),
        ("note", "str | None", False, "length <= 5"),
        ("next", "Day", False, ""),
    ]


def test_no_two_classes_have_one_name() -> None:
    object_of = {"type": "object", "properties": {"a": {}}}
    records = Records({"a.Day": object_of, "a-Day": object_of, "Any": object_of})
    assert [records.annotation({"$ref": f"x/{key}"}) for key in ("a.Day", "a-Day", "Any")] == [
        "ADay",
        "ADay2",
        "Any2",
    ]


def test_nesting_without_end_is_any() -> None:
    deep: Any = {"type": "integer"}
    for _ in range(10_000):
        deep = {"type": "array", "items": deep}
    assert Records({}).annotation(deep).count("list[") == 51


@pytest.mark.parametrize(
    ("text", "name"),
    [("price.Question", "PriceQuestion"), ("a", "A"), ("3d", "M3d"), ("é", "M"), ("None", "MNone")],
)
def test_names_of_classes(text: str, name: str) -> None:
    assert class_name(text) == name


def test_text_is_one_line_without_what_cannot_be_seen() -> None:
    assert one_line("a\n b\r\x0c\u2028c\x00\x1b[31m\u202e") == "a b c[31m"
    assert one_line({"no": "text"}) == ""
