"""JSON schemas as Python types: a `TypedDict` for each object, and an annotation for everything else.

The document may come from a server that nobody here controls. Every text in it ends up as a checked identifier, as
the `repr` of a string, or in a comment of one line.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Record", "Records", "class_name", "one_line", "quoted"]

SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
LIMITS = {
    "minimum": ">= {}",
    "exclusiveMinimum": "> {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
    "minLength": "length >= {}",
    "maxLength": "length <= {}",
    "minItems": "items >= {}",
    "maxItems": "items <= {}",
    "format": "{}",
}
"""What a type cannot say and a comment does."""
DEEPEST = 50
OWN_NAMES = {"Any", "Literal", "Model", "NotRequired", "TypedDict"}
"""Names that the module imports."""


@dataclass
class Record:
    """One object of the document."""

    name: str
    text: str
    fields: list[tuple[str, str, bool, str]] = field(default_factory=list)
    """Name, annotation, whether it must be there, and a comment."""


class Records:
    """The objects that the types of one module need, each once."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._names: dict[str, str] = {}
        self._taken: set[str] = set(OWN_NAMES)
        self.made: list[Record] = []

    def take(self, wanted: str) -> str:
        """A name for a class, with a number if that name is taken."""
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}{number}", number + 1
        self._taken.add(name)
        return name

    def annotation(self, schema: Any, depth: int = 0) -> str:
        """The annotation for a schema; `Any` for what has none."""
        if not isinstance(schema, Mapping) or depth > DEEPEST:
            return "Any"
        if "$ref" in schema:
            return self._reference(str(schema["$ref"]).rpartition("/")[2])
        options = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(options, list):
            return _union(self.annotation(option, depth + 1) for option in options)
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if isinstance(values, list) and values and all(isinstance(value, str | int | None) for value in values):
            return f"Literal[{', '.join(map(quoted, values))}]"
        kind = schema.get("type")
        if isinstance(kind, list):
            return _union(self.annotation({**schema, "type": one}, depth + 1) for one in kind)
        if kind == "array":
            return f"list[{self.annotation(schema.get('items'), depth + 1)}]"
        if kind == "object":
            extra = schema.get("additionalProperties")
            return f"dict[str, {self.annotation(extra, depth + 1)}]"
        return SCALARS.get(str(kind), "Any")

    def _reference(self, key: str) -> str:
        """The class of a named schema, which is made if it is an object with properties."""
        if key in self._names:
            return self._names[key]
        schema = self._schemas.get(key)
        if not isinstance(schema, Mapping):
            return "Any"
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            # Set before its parts are looked at, because they may refer to it.
            self._names[key] = "Any"
            self._names[key] = self.annotation(schema)
            return self._names[key]
        name = self._names[key] = self.take(class_name(key))
        record = Record(name, one_line(schema.get("description", "")))
        required = schema.get("required") or ()
        for field_name, own in properties.items():
            record.fields.append((field_name, self.annotation(own), field_name in required, _comment(own)))
        self.made.append(record)
        return name


def quoted(value: Any) -> str:
    """A value as source code, text in double quotes as formatters want it."""
    shown = repr(value)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


def class_name(text: str) -> str:
    """A text as the name of a class: `price.Question` and `price-question` become `PriceQuestion`."""
    parts = re.findall(r"[A-Za-z0-9]+", text)
    name = "".join(part[0].upper() + part[1:] for part in parts)
    return f"M{name}" if not name or name[0].isdigit() or keyword.iskeyword(name) else name


def one_line(text: Any) -> str:
    """A text without anything that could end a comment or a string in source code."""
    words = str(text).split() if isinstance(text, str | int | float) else []
    return "".join(letter for letter in " ".join(words) if letter.isprintable())


def _union(options: Any) -> str:
    found = list(dict.fromkeys(options))
    return "Any" if "Any" in found or not found else " | ".join(found)


def _comment(schema: Any) -> str:
    """What a schema says of a value beyond its type."""
    if not isinstance(schema, Mapping):
        return ""
    options = [one for one in schema.get("anyOf") or () if isinstance(one, Mapping) and one.get("type") != "null"]
    for one in (schema, *options):
        limits = [form.format(one_line(one[key])) for key, form in LIMITS.items() if key in one]
        text = one_line(one.get("description", ""))
        if text or limits:
            return f"{text.rstrip('.')} ({', '.join(limits)})." if text and limits else text or ", ".join(limits)
    return ""
