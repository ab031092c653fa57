"""Metadata and label selectors, which all kinds share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, strings, table
from control.lint.manifests.server.formats import dns_label, label_value, qualified_name
from control.lint.manifests.server.refusal import Refusal, each, forbidden, invalid, required

__all__ = ["labels", "matching", "metadata", "notes", "selector"]

_MOST_ANNOTATIONS = 256 * 1024
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_FINALIZERS = ("foregroundDeletion", "kubernetes", "orphan")


def metadata(
    body: dict[str, Any], named: Callable[[str], list[str]], namespaced: bool = True
) -> Iterator[Refusal]:
    """Check the metadata of an object whose names have a given form."""
    meta = table(body.get("metadata"))
    prefix, name, namespace = (meta.get(field) for field in ("generateName", "name", "namespace"))
    if isinstance(prefix, str) and prefix:
        # The server appends to the prefix, so it may end with a hyphen.
        yield from each("metadata.generateName", prefix, named(re.sub("-$", "a", prefix)))
    if isinstance(name, str) and name:
        yield from each("metadata.name", name, named(name))
    elif not prefix:
        yield required("metadata.name", "name or generateName is required")
    # The server removes the namespace of an object that belongs to the whole cluster.
    if isinstance(namespace, str) and namespace and namespaced:
        yield from each("metadata.namespace", namespace, dns_label(namespace))
    yield from labels(meta.get("labels"), "metadata.labels")
    yield from notes(meta.get("annotations"), "metadata.annotations")
    yield from _owners(meta)
    for i, name in enumerate(meta.get("finalizers") or ()):
        at = f"metadata.finalizers[{i}]"
        yield from each(at, name, qualified_name(str(name)))
        if "/" not in str(name) and name not in _FINALIZERS:
            yield invalid(at, name, "name is neither a standard finalizer name nor is it fully qualified")


def labels(given: Any, at: str) -> Iterator[Refusal]:
    """Check names and values of labels."""
    for name, value in table(given).items():
        yield from each(at, name, qualified_name(name))
        if isinstance(value, str):
            yield from each(at, value, label_value(value))


def notes(given: Any, at: str) -> Iterator[Refusal]:
    """Check names and the total size of annotations."""
    size = 0
    for name, value in table(given).items():
        yield from each(at, name, qualified_name(name.lower()))
        size += len(name) + len(str(value))
    if size > _MOST_ANNOTATIONS:
        yield Refusal(at, f"Too long: may not be more than {_MOST_ANNOTATIONS} bytes")


def selector(given: Any, at: str) -> Iterator[Refusal]:
    """Check a label selector."""
    chosen = table(given)
    yield from labels(chosen.get("matchLabels"), join(at, "matchLabels"))
    for i, item in entries(chosen.get("matchExpressions")):
        place = join(join(at, "matchExpressions"), i)
        operator, values = item.get("operator"), item.get("values") or []
        if operator in ("In", "NotIn") and not values:
            yield required(join(place, "values"), "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and values:
            reason = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden(join(place, "values"), reason)
        elif operator not in _OPERATORS:
            yield invalid(join(place, "operator"), operator, "not a valid selector operator")
        yield from each(join(place, "key"), item.get("key"), qualified_name(str(item.get("key") or "")))
        for j, value in enumerate(values):
            yield from each(join(join(place, "values"), j), value, label_value(str(value)))


def matching(given: Any, own: Any) -> bool:
    """Return whether a selector matches labels. A missing selector matches nothing, an empty one everything."""
    if not isinstance(given, dict):
        return False
    carried = strings(own)
    if any(carried.get(name) != value for name, value in table(given.get("matchLabels")).items()):
        return False
    return all(_holds(item, carried) for _, item in entries(given.get("matchExpressions")))


def _holds(item: dict[str, Any], carried: dict[str, str]) -> bool:
    name, values = str(item.get("key")), item.get("values") or []
    return {
        "In": carried.get(name) in values,
        "NotIn": name not in carried or carried[name] not in values,
        "Exists": name in carried,
        "DoesNotExist": name not in carried,
    }.get(str(item.get("operator")), False)


def _owners(meta: dict[str, Any]) -> Iterator[Refusal]:
    controllers: list[str] = []
    for i, owner in entries(meta.get("ownerReferences")):
        at = f"metadata.ownerReferences[{i}]"
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            yield invalid(at, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller") is True:
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                yield invalid(join(at, name), owner.get(name) or "", "must not be empty")
    if len(controllers) > 1:
        reason = 'Only one reference can have Controller set to true. Found "true" in references for '
        yield invalid("metadata.ownerReferences", meta["ownerReferences"], reason + " and ".join(controllers[:2]))
