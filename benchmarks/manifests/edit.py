"""Changes of one object. A path is words: `spec template spec containers 0 image`; a number is an index."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Change", "Mutation", "append", "both", "drop", "put", "rename"]

Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Mutation:
    """One way to break a manifest. `target` is an object as `Kind/name`, or a file where `text` is (old, new).

    `rule` is what must find it; empty where it is known that nothing does.
    """

    family: str
    breaks: str
    target: str
    rule: str
    change: Change | None = None
    text: tuple[str, str] | None = None


def put(path: str, value: Any) -> Change:
    """Set a field, and what leads to it."""

    def change(body: dict[str, Any]) -> None:
        *way, last = _keys(path)
        place: Any = body
        for key in way:
            place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
        place[last] = copy.deepcopy(value)

    return change


def drop(path: str) -> Change:
    """Remove a field that is there."""

    def change(body: dict[str, Any]) -> None:
        *way, last = _keys(path)
        del _reach(body, way)[last]

    return change


def rename(path: str, name: str) -> Change:
    """Write a field's name otherwise."""

    def change(body: dict[str, Any]) -> None:
        *way, last = _keys(path)
        place = _reach(body, way)
        place[name] = place.pop(last)

    return change


def append(path: str, value: Any) -> Change:
    """Add an entry to a list; the number of an entry repeats that one."""

    def change(body: dict[str, Any]) -> None:
        listed = _reach(body, _keys(path))
        listed.append(copy.deepcopy(listed[value] if isinstance(value, int) else value))

    return change


def both(*changes: Change) -> Change:
    """One after the other."""

    def change(body: dict[str, Any]) -> None:
        for each in changes:
            each(body)

    return change


def _keys(path: str) -> list[str | int]:
    return [int(word) if word.isdigit() else word for word in path.split()]


def _reach(body: Any, way: list[str | int]) -> Any:
    for key in way:
        body = body[key]
    return body
