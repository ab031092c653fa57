"""What tests of the chart share: its objects by kind and name, and its value sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from control.charts.render import CHART, Object, key, render

__all__ = [
    "ALL",
    "CHART",
    "EACH",
    "OPEN",
    "PLAIN",
    "SETS",
    "TEMPLATES",
    "objects",
    "of_kind",
    "pod_templates",
    "pods",
    "value_set",
    "variables",
]

SETS = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*.yaml"))}
TEMPLATES = sorted(path.name for path in (CHART / "templates").glob("*.yaml"))


def objects(values: dict[str, Any]) -> dict[tuple[str, str], Object]:
    """Each by (kind, name), which no two may share. Not to be changed: rendered once for all tests."""
    return _objects(json.dumps(values))


@cache
def _objects(values: str) -> dict[tuple[str, str], Object]:
    items = render(json.loads(values))
    found = {key(item): item for item in items}
    assert len(found) == len(items), "two objects of one kind and name"
    return found


def of_kind(values: dict[str, Any], kind: str) -> dict[str, Object]:
    """Name -> object."""
    return {name: item for (each, name), item in objects(values).items() if each == kind}


def value_set(name: str) -> dict[str, Any]:
    """One of `ci/`."""
    found: dict[str, Any] = yaml.safe_load(SETS[name].read_text())
    return found


def pods(item: Any) -> Iterator[dict[str, Any]]:
    """Every pod spec in an object, wherever it lies."""
    if isinstance(item, dict):
        if isinstance(item.get("containers"), list):
            yield item
        for inner in item.values():
            yield from pods(inner)
    elif isinstance(item, list):
        for inner in item:
            yield from pods(inner)


def pod_templates(item: Any) -> Iterator[dict[str, Any]]:
    """Every pod template in an object: what has a pod's spec and its metadata."""
    if isinstance(item, dict):
        if (
            "metadata" in item
            and isinstance(item.get("spec"), dict)
            and "containers" in item["spec"]
            and "kind" not in item
        ):
            yield item
        for inner in item.values():
            yield from pod_templates(inner)
    elif isinstance(item, list):
        for inner in item:
            yield from pod_templates(inner)


def variables(container: dict[str, Any]) -> dict[str, str]:
    """A container's environment, but for what comes from secrets."""
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}


OPEN: dict[str, Any] = {"auth": {"open": True}}
"""Gateways that do not ask who calls, for others than the pods of the namespace."""
ALL = {"groups": {"all": {"runtime": "ray"}}}
"""One group of all apps on Ray."""
EACH: dict[str, Any] = {"groupPerApp": True, "groupDefaults": {"runtime": "ray"}}
"""A RayService for each app."""
PLAIN = {"groups": {"all": {"runtime": "process"}}}
"""The same without Ray."""
