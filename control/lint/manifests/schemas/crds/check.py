"""Check an object against its definition: nulls, unknown fields, defaults, values, lists, then rules."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import reduce
from typing import Any

from control.lint.manifests.objects.tree import join, table
from control.lint.manifests.schemas.crds.cel import broken_rules
from control.lint.manifests.schemas.crds.definitions import Definition, Definitions
from control.lint.manifests.schemas.crds.structural import drop_nulls, duplicates, fill_defaults, unknown_fields
from control.lint.manifests.schemas.crds.translate import translate

__all__ = ["Checker"]

Verdict = tuple[str, str, str]
"""Rule id, path, message."""


class Checker:
    """Checks custom resources. A schema is translated when it is first needed."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._validators: dict[int, Any] = {}

    def knows(self, body: dict[str, Any]) -> bool:
        """Return whether the kind is defined, in any version."""
        return bool(self.definitions.served(body))

    def check(self, body: dict[str, Any]) -> list[Verdict]:
        """Return everything that the API server would refuse; empty if it would accept the object."""
        definition = self.definitions.find(body)
        if definition is None:
            served = ", ".join(self.definitions.served(body))
            return [("SLW108", "apiVersion", f"{body.get('apiVersion')} is not served; served are: {served}")]
        found = list(self._judge(definition, body))
        if not any(id != "SLW107" for id, _, _ in found):
            found += self._older(body)
        return found

    def _older(self, body: dict[str, Any]) -> Iterator[Verdict]:
        for definition in self.definitions.before(body):
            for _, path, message in self._judge(definition, body):
                yield "SLW106", path, f"{definition.operator} {definition.release}: {message}"

    def _judge(self, definition: Definition, body: dict[str, Any]) -> Iterator[Verdict]:
        value, schema = copy.deepcopy(body), definition.schema
        metadata = table(value.get("metadata"))
        if not metadata.get("name") and not metadata.get("generateName"):
            yield "SLW103", "metadata.name", "name or generateName is required"
        if not definition.namespaced and metadata.get("namespace"):
            yield "SLW103", "metadata.namespace", f"{definition.kind} has no namespace"
        drop_nulls(schema, value)
        yield from (("SLW102", path, message) for path, message in unknown_fields(schema, value))
        fill_defaults(schema, value)
        refused = list(self._values(definition, value))
        yield from refused
        yield from (("SLW104", path, message) for path, message in duplicates(schema, value))
        if not refused:
            # The API server does not evaluate the rules either if a value is wrong.
            for path, message, evaluated in broken_rules(schema, value):
                yield ("SLW105" if evaluated else "SLW107"), path, message

    def _values(self, definition: Definition, value: Any) -> Iterator[Verdict]:
        from jsonschema import Draft7Validator, FormatChecker

        validator = self._validators.get(id(definition))
        if validator is None:
            validator = Draft7Validator(translate(definition.schema, root=True), format_checker=FormatChecker())
            self._validators[id(definition)] = validator
        for error in sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path))):
            path: str = reduce(join, error.absolute_path, "")
            message = error.message if len(error.message) < 240 else f"... {error.message[-200:]}"
            yield "SLW103", path, message
