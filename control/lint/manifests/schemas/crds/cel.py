"""Evaluate the rules (`x-kubernetes-validations`) of definitions as if the object were created."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from control.lint.manifests.objects.tree import join, table
from control.lint.manifests.schemas.crds.structural import children, complete

__all__ = ["broken_rules"]

_RESERVED = frozenset(
    "true false null in as break const continue else for function if import let loop package namespace return var "
    "void while".split()
)
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))


def broken_rules(
    schema: dict[str, Any], value: Any, path: str = "", root: bool = True
) -> Iterator[tuple[str, str, bool]]:
    """Yield (path, message, evaluated) of every rule that fails; `evaluated` is false if the rule raised."""
    rules = [rule for rule in schema.get("x-kubernetes-validations") or () if _applies(rule)]
    if rules:
        context = _context(_value(schema, value, root))
        for rule in rules:
            place = join(path, rule["fieldPath"].lstrip(".")) if rule.get("fieldPath") else path
            try:
                held = _program(rule["rule"]).execute(context)
            except KeyError as error:
                # The server refuses an object whose rule reads a field that is not there.
                words = rule.get("message") or rule["rule"]
                yield place, f"no such key: {error.args[0]} evaluating rule: {words}", True
                continue
            except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
                yield place, f"{rule['rule']}: {type(error).__name__}: {str(error)[:200]}", False
                continue
            if held is not True:
                yield place, rule.get("message") or f"the rule fails: {rule['rule']}", True
    for key, inner in children(schema, value):
        if inner:
            yield from broken_rules(inner, value[key], join(path, key), root=False)


def _applies(rule: dict[str, Any]) -> bool:
    """Return whether a rule is about a change, so that it does not apply to the creation of an object."""
    return "oldSelf" not in rule["rule"] or bool(rule.get("optionalOldSelf"))


@cache
def _program(rule: str) -> Any:
    import cel

    return cel.compile(rule)


def _context(value: Any) -> Any:
    import cel
    from cel.stdlib import add_stdlib_to_context

    context = cel.Context()
    add_stdlib_to_context(context)
    context.add_variable("self", value)
    context.add_function("isURL", _is_url)
    context.add_function("isIP", _is_ip)
    return context


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and (parts.netloc or parts.path.startswith("/")))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _value(schema: dict[str, Any], value: Any, root: bool = False) -> Any:
    """Return the value as rules see it: escaped names, no unknown fields, numbers of the schema's type."""
    schema = complete(schema, root)
    if isinstance(value, dict):
        named = table(schema.get("properties"))
        shown = schema.get("x-kubernetes-preserve-unknown-fields")
        return {
            _escape(key) if key in named else key: _value(inner or {}, value[key])
            for key, inner in children(schema, value)
            if inner is not None or shown
        }
    if isinstance(value, list):
        return [_value(schema.get("items") or {}, item) for item in value]
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and schema.get("type") == "number" else value


def _escape(name: str) -> str:
    if name in _RESERVED:
        return f"__{name}__"
    for mark, word in _ESCAPES:
        name = name.replace(mark, word)
    return name
