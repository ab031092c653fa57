"""One refusal: the field, and the reason as the API server words it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from control.lint.manifests.objects.tree import join

__all__ = [
    "Refusal",
    "duplicate",
    "each",
    "forbidden",
    "invalid",
    "key",
    "missing",
    "negative",
    "not_found",
    "one_of",
    "required",
    "unsupported",
    "whole",
]

NEGATIVE = "must be greater than or equal to 0"


class Refusal(NamedTuple):
    """What the server says about a field."""

    path: str
    reason: str


def invalid(path: str, value: Any, reason: str) -> Refusal:
    """Return the refusal of a value."""
    return Refusal(path, f"Invalid value: {_shown(value)}: {reason}")


def required(path: str, reason: str = "") -> Refusal:
    """Return the refusal of a missing value."""
    return Refusal(path, f"Required value: {reason}" if reason else "Required value")


def forbidden(path: str, reason: str) -> Refusal:
    """Return the refusal of a field that must not be set."""
    return Refusal(path, f"Forbidden: {reason}")


def duplicate(path: str, value: Any) -> Refusal:
    """Return the refusal of an entry that repeats."""
    return Refusal(path, f"Duplicate value: {_shown(value)}")


def not_found(path: str, value: Any) -> Refusal:
    """Return the refusal of a name that nothing has."""
    return Refusal(path, f"Not found: {_shown(value)}")


def unsupported(path: str, value: Any, allowed: Iterable[str]) -> Refusal:
    """Return the refusal of a value that is not in a list."""
    names = ", ".join(f'"{name}"' for name in allowed)
    return Refusal(path, f"Unsupported value: {_shown(value)}: supported values: {names}")


def one_of(body: Mapping[str, Any], at: str, places: Mapping[str, tuple[str, ...]]) -> Iterator[Refusal]:
    """Yield the refusals of fields that are set to a value outside of their lists."""
    for name, allowed in places.items():
        value = body.get(name)
        if value is not None and value not in allowed:
            yield unsupported(join(at, name), value, allowed)


def negative(body: Mapping[str, Any], at: str, names: Iterable[str]) -> Iterator[Refusal]:
    """Yield the refusals of fields that are below 0."""
    for name in names:
        value = whole(body.get(name))
        if value is not None and value < 0:
            yield invalid(join(at, name), value, NEGATIVE)


def missing(body: Mapping[str, Any], at: str, names: Iterable[str]) -> Iterator[Refusal]:
    """Yield the refusals of fields that are absent or empty."""
    for name in names:
        if not body.get(name):
            yield required(join(at, name))


def each(path: str, value: Any, reasons: Iterable[str]) -> Iterator[Refusal]:
    """Yield one refusal of the value for each reason."""
    for reason in reasons:
        yield invalid(path, value, reason)


def whole(value: Any) -> int | None:
    """Return the integer, or None for everything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def key(path: str, name: str) -> str:
    """Return the path of an entry of a mapping, as the server writes it: `limits[cpu]`."""
    return f"{path}[{name}]"


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, separators=(",", ":"))
    return text if len(text) <= 200 else f"{text[:200]}..."
