"""Read objects that may have wrong types anywhere: a value of a wrong type counts as absent and never raises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["dig", "entries", "every", "join", "plain", "strings", "table"]


def table(value: Any) -> dict[str, Any]:
    """Return the mapping, or an empty mapping."""
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[tuple[int, dict[str, Any]]]:
    """Return (index, mapping) of the mappings in a list."""
    return [(i, item) for i, item in enumerate(value) if isinstance(item, dict)] if isinstance(value, list) else []


def strings(value: Any) -> dict[str, str]:
    """Return the pairs of a mapping whose keys and values are text, such as labels."""
    return {key: text for key, text in table(value).items() if isinstance(key, str) and isinstance(text, str)}


def plain(value: Any) -> Any:
    """Return a scalar unchanged, and any other value as text, so that the result is hashable."""
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def dig(value: Any, path: str) -> Any:
    """Return the value at a path such as `spec.template.spec`, or None. Keys must not contain dots."""
    for key in path.split(".") if path else ():
        value = table(value).get(key)
    return value


def join(path: str, key: str | int) -> str:
    """Append a key or an index to a path: `a` and `b` give `a.b`, `a` and 0 give `a[0]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def every(value: Any, pattern: str, base: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of everything that matches a pattern such as `spec.ports[*].name`."""
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
