"""Environment variables and what they are taken from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import config_key, env_name, qualified_name, subdomain
from control.lint.manifests.server.pods.resources import NO_QUANTITY
from control.lint.manifests.server.refusal import Refusal, each, invalid, required, unsupported

__all__ = ["OF_FILES", "field_path", "resource_field", "variables"]

_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
OF_VARIABLES = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
"""Fields of a pod that a variable can have."""
OF_FILES = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
"""Fields of a pod that a file can have."""
_KNOWN = {*OF_VARIABLES, *OF_FILES, "spec.restartPolicy", "spec.schedulerName", "status.phase", "spec.hostNetwork"}
_RESOURCES = tuple(
    f"{part}.{name}" for part in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)
_SUBSCRIPT = re.compile(r"(?P<path>[^\[\]]+)\['(?P<name>[^']*)'\]")
_DECIMAL = ("1", *(f"1{unit}" for unit in "k M G T P E".split()))
_BINARY = tuple(f"1{unit}i" for unit in "K M G T P E".split())


def variables(container: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check `env` and `envFrom` of a container."""
    for i, item in entries(container.get("env")):
        place = join(join(at, "env"), i)
        name = str(item.get("name") or "")
        if name:
            yield from each(join(place, "name"), name, env_name(name))
        else:
            yield required(join(place, "name"))
        if item.get("valueFrom") is not None:
            yield from _source(item, join(place, "valueFrom"))
    for i, item in entries(container.get("envFrom")):
        yield from _whole_source(item, join(at, "envFrom"), i)


def field_path(given: Any, allowed: tuple[str, ...], at: str) -> Iterator[Refusal]:
    """Check a `fieldRef`."""
    body = table(given)
    path, version = str(body.get("fieldPath") or ""), body.get("apiVersion") or "v1"
    place = join(at, "fieldPath")
    if not path:
        yield required(place)
        return
    subscript = _SUBSCRIPT.fullmatch(path)
    base = subscript["path"] if subscript else path
    if version != "v1":
        yield invalid(place, path, f"error converting fieldPath: unsupported pod version: {version}")
    elif base not in _KNOWN or (subscript and base not in ("metadata.annotations", "metadata.labels")):
        reason = (
            "does not support subscript"
            if subscript and base in _KNOWN
            else (f"error converting fieldPath: field label not supported: {path}")
        )
        yield invalid(place, path, reason)
    elif subscript:
        name = subscript["name"].lower() if base.endswith("annotations") else subscript["name"]
        yield from each(at, name, qualified_name(name))
    elif base not in allowed:
        yield unsupported(place, path, allowed)


def resource_field(given: Any, at: str, needs_container: bool) -> Iterator[Refusal]:
    """Check a `resourceFieldRef`."""
    body = table(given)
    name = str(body.get("resource") or "")
    if needs_container and not body.get("containerName"):
        yield required(join(at, "containerName"))
    elif not name:
        yield required(join(at, "resource"))
    elif name not in _RESOURCES and not name.startswith(("limits.hugepages-", "requests.hugepages-")):
        yield unsupported(join(at, "resource"), name, _RESOURCES)
    divisor, place = body.get("divisor"), join(at, "divisor")
    number = parse(divisor)
    if divisor is None or number == 0:
        return
    if number is None:
        yield Refusal(place, NO_QUANTITY)
    elif name.endswith(".cpu"):
        if number not in (parse("1m"), parse("1")):
            yield invalid(place, name, "only divisor's values 1m and 1 are supported with the cpu resource")
    elif number not in map(parse, _BINARY if str(divisor).endswith("i") else _DECIMAL):
        # The server compares texts: 1024 is not 1Ki.
        kind = "memory" if name.endswith(".memory") else "local ephemeral storage"
        sizes = ", ".join((*_DECIMAL, *_BINARY))
        yield invalid(place, name, f"only divisor's values {sizes} are supported with the {kind} resource")


def _source(item: dict[str, Any], at: str) -> Iterator[Refusal]:
    body = table(item.get("valueFrom"))
    present = [name for name in _SOURCES if body.get(name) is not None]
    if "fieldRef" in present:
        yield from field_path(body["fieldRef"], OF_VARIABLES, join(at, "fieldRef"))
    if "resourceFieldRef" in present:
        yield from resource_field(body["resourceFieldRef"], join(at, "resourceFieldRef"), needs_container=False)
    for name in ("configMapKeyRef", "secretKeyRef"):
        if name in present:
            yield from _key(table(body[name]), join(at, name))
    if not present:
        yield invalid(
            at, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        )
    elif item.get("value"):
        yield invalid(at, "", "may not be specified when `value` is not empty")
    elif len(present) > 1:
        yield invalid(at, "", "may not have more than one field specified at a time")


def _key(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    name, entry = str(body.get("name") or ""), str(body.get("key") or "")
    yield from each(join(at, "name"), name, subdomain(name))
    if entry:
        yield from each(join(at, "key"), entry, config_key(entry))
    else:
        yield required(join(at, "key"))


def _whole_source(item: dict[str, Any], at: str, i: int) -> Iterator[Refusal]:
    place = join(at, i)
    prefix = str(item.get("prefix") or "")
    yield from each(join(place, "prefix"), prefix, env_name(prefix))
    present = [name for name in ("configMapRef", "secretRef") if item.get(name) is not None]
    for kind in present:
        name = str(table(item[kind]).get("name") or "")
        if name:
            yield from each(join(place, f"{kind}.name"), name, subdomain(name))
        else:
            yield required(join(place, f"{kind}.name"))
    if len(present) != 1:
        reason = (
            "may not have more than one field specified at a time"
            if present
            else "must specify one of: `configMapRef` or `secretRef`"
        )
        yield invalid(place, "", reason)
