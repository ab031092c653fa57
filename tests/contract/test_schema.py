"""What an app is asked and answers: typed, described, strict and the same after a round trip."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from serving.kernel.find_app import find_apps
from tests.trained import AnyApp


def test_the_example_survives_a_round_trip(app: AnyApp) -> None:
    raw = msgspec.json.encode(app.example)
    assert msgspec.json.decode(raw, type=app.question) == app.example
    assert msgspec.convert(msgspec.to_builtins(app.example), app.question) == app.example


def test_unknown_fields_are_refused(app: AnyApp) -> None:
    record = {**msgspec.to_builtins(app.example), "no_such_field": 1}
    with pytest.raises(msgspec.ValidationError, match="no_such_field"):
        msgspec.convert(record, app.question)


def test_a_missing_field_is_refused_by_name(app: AnyApp) -> None:
    required = [field.name for field in msgspec.structs.fields(app.question) if field.required]
    assert required
    for name in required:
        record = {key: value for key, value in msgspec.to_builtins(app.example).items() if key != name}
        with pytest.raises(msgspec.ValidationError, match=f"`{name}`"):
            msgspec.convert(record, app.question)


def test_types_have_a_json_schema(app: AnyApp) -> None:
    for kind in filter(None, (app.question, app.answer, app.context, app.explanation)):
        (schema,), components = msgspec.json.schema_components([kind])
        assert schema["$ref"].rsplit("/", 1)[1] in components


def test_every_field_of_the_question_says_what_it_is(app: AnyApp) -> None:
    _, components = msgspec.json.schema_components([app.question])
    bare = [
        f"{kind}.{name}"
        for kind, schema in components.items()
        for name, part in schema.get("properties", {}).items()
        if not _described(part, components)
    ]
    assert bare == [], "give them a description with their unit"


def test_numbers_of_the_question_have_a_range(app: AnyApp) -> None:
    _, components = msgspec.json.schema_components([app.question])
    bare = [
        f"{kind}.{name}"
        for kind, schema in components.items()
        for name, part in schema.get("properties", {}).items()
        for number in _numbers(part)
        if not all({bound, f"exclusive{bound.title()}"} & number.keys() for bound in ("minimum", "maximum"))
    ]
    assert bare == []


def test_type_names_are_those_of_one_app_only() -> None:
    """The API's description refers to types by name."""
    kinds = [kind for app in find_apps() for kind in (app.question, app.answer, app.explanation) if kind]
    assert {name for name, count in Counter(kind.__name__ for kind in kinds).items() if count > 1} == set()


def _described(part: dict[str, Any], components: dict[str, Any]) -> bool:
    if "description" in part or "enum" in part:
        return True
    if "$ref" in part:
        return "description" in components[part["$ref"].rsplit("/", 1)[1]]
    return any(_described(option, components) for option in part.get("anyOf", ()))


def _numbers(part: dict[str, Any]) -> list[dict[str, Any]]:
    if part.get("type") in ("number", "integer"):
        return [part]
    inner = [*part.get("anyOf", ()), *([part["items"]] if isinstance(part.get("items"), dict) else [])]
    return [number for option in inner for number in _numbers(option)]
