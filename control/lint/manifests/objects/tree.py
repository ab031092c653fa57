"""Reading objects that may have anything anywhere: wrong types are absent, never an exception."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["dig", "entries", "every", "join", "plain", "strings", "table"]


def table(value: Any) -> dict[str, Any]:
    """The mapping, or an empty one."""
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[tuple[int, dict[str, Any]]]:
    """(index, mapping) of a list's mappings."""
    return [(i, item) for i, item in enumerate(value) if isinstance(item, dict)] if isinstance(value, list) else []


def strings(value: Any) -> dict[str, str]:
    """The pairs of a mapping whose keys and values are text, such as labels."""
    return {key: text for key, text in table(value).items() if isinstance(key, str) and isinstance(text, str)}


def plain(value: Any) -> Any:
    """The value itself where it is a scalar, else its text: something that can be looked up in a set."""
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def dig(value: Any, path: str) -> Any:
    """What `spec.template.spec` names, or None. Keys with dots cannot be named."""
    for key in path.split(".") if path else ():
        value = table(value).get(key)
    return value


def join(path: str, key: str | int) -> str:
    """One step deeper: `a` and `b` to `a.b`, `a` and 0 to `a[0]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def every(value: Any, pattern: str, base: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of all that a pattern such as `spec.ports[*].name` names."""
    head, _, rest = pattern.partition(".")
    key = head.removesuffix("[*]")
    found = table(value).get(key)
    path = join(base, key)
    if found is None:
        return
    reached: list[tuple[str, Any]] = [(path, found)]
    if head != key:
        reached = [(join(path, i), item) for i, item in enumerate(found)] if isinstance(found, list) else []
    for place, item in reached:
        if rest:
            yield from every(item, rest, place)
        else:
            yield place, item
