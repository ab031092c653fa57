"""Files that Kubernetes writes into a volume: keys of ConfigMaps and Secrets, fields of the pod, tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.pods.environment import OF_FILES, field_path, resource_field
from control.lint.manifests.server.pods.paths import local
from control.lint.manifests.server.refusal import Refusal, forbidden, invalid, required, whole

__all__ = ["files", "mode", "projections"]

_NO_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_KINDS = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate")
_LONGEST_TOKEN = 1 << 32
_TWICE = "conflicting duplicate paths"


def mode(body: dict[str, Any], at: str, name: str) -> Iterator[Refusal]:
    """Check the mode of a file."""
    value = whole(body.get(name))
    if value is not None and not 0 <= value <= 0o777:
        yield invalid(join(at, name), value, _NO_MODE)


def files(given: Any, at: str) -> Iterator[Refusal]:
    """Check the keys that become files, and the paths of these files."""
    for i, item in entries(given):
        place = join(at, i)
        path = str(item.get("path") or "")
        for name in ("key", "path"):
            if not item.get(name):
                yield required(join(place, name))
        yield from local(path, join(place, "path"))
        yield from mode(item, place, "mode")


def projections(name: str, body: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check a volume of the type `projected` or `downwardAPI`."""
    if name == "downwardAPI":
        for i, item in entries(body.get("items")):
            yield from _field_file(item, join(join(at, "items"), i))
        return
    seen: set[str] = set()
    for i, source in entries(body.get("sources")):
        place = join(join(at, "sources"), i)
        present = [kind for kind in _KINDS if source.get(kind) is not None]
        if len(present) > 1:
            yield forbidden(place, "may not specify more than 1 volume type per source")
        for kind in present:
            yield from _source(kind, table(source[kind]), join(place, kind))
            for path in _paths(table(source[kind])):
                if path in seen:
                    yield invalid(at, path, _TWICE)
                seen.add(path)


def _paths(body: dict[str, Any]) -> list[str]:
    own = [body.get("path")] if body.get("signerName") or body.get("name") else []
    return [str(path) for path in [*(item.get("path") for _, item in entries(body.get("items"))), *own] if path]


def _source(kind: str, body: dict[str, Any], at: str) -> Iterator[Refusal]:
    if kind in ("secret", "configMap"):
        if not body.get("name"):
            yield required(join(at, "name"))
        yield from files(body.get("items"), join(at, "items"))
    elif kind == "downwardAPI":
        for i, item in entries(body.get("items")):
            yield from _field_file(item, join(join(at, "items"), i))
    elif kind == "serviceAccountToken":
        yield from _token(body, at)
    elif kind == "clusterTrustBundle":
        yield from _bundle(body, at)


def _token(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    given = whole(body.get("expirationSeconds"))
    seconds, place = 3600 if given is None else given, join(at, "expirationSeconds")
    if seconds < 600:
        yield invalid(place, seconds, "may not specify a duration less than 10 minutes")
    if seconds > _LONGEST_TOKEN:
        yield invalid(place, seconds, "may not specify a duration larger than 2^32 seconds")
    if not body.get("path"):
        yield required(join(at, "path"))
    yield from local(str(body.get("path") or ""), join(at, "path"))


def _bundle(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    named, signed = body.get("name") is not None, body.get("signerName") is not None
    if named and signed:
        yield invalid(at, body, "only one of name and signerName may be used")
    elif named and body.get("labelSelector") is not None:
        reason = "labelSelector must be unset if name is specified"
        yield invalid(join(at, "labelSelector"), body["labelSelector"], reason)
    elif not named and not signed:
        yield required(at, "either name or signerName must be specified")
    if not body.get("path"):
        yield required(join(at, "path"))
    yield from local(str(body.get("path") or ""), join(at, "path"))


def _field_file(item: dict[str, Any], at: str) -> Iterator[Refusal]:
    if not item.get("path"):
        yield required(join(at, "path"))
    yield from local(str(item.get("path") or ""), join(at, "path"))
    yield from mode(item, at, "mode")
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        yield from field_path(field, OF_FILES, join(at, "fieldRef"))
        if resource is not None:
            yield invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif resource is not None:
        yield from resource_field(resource, join(at, "resourceFieldRef"), needs_container=True)
    else:
        yield required(at, "one of fieldRef and resourceFieldRef is required")
