"""Mounts and devices of a container."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.pods.paths import backsteps, descending
from control.lint.manifests.server.refusal import Refusal, forbidden, invalid, not_found, one_of, required

__all__ = ["devices", "mounts"]

_PROPAGATION = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def mounts(container: dict[str, Any], volumes: dict[str, dict[str, Any]], at: str) -> Iterator[Refusal]:
    """Check the mounts of a container; `volumes` are the pod's volumes by name."""
    seen: set[str] = set()
    blocks = [item for _, item in entries(container.get("volumeDevices"))]
    for i, mount in entries(container.get("volumeMounts")):
        place = join(join(at, "volumeMounts"), i)
        name, path = str(mount.get("name") or ""), str(mount.get("mountPath") or "")
        if not name:
            yield required(join(place, "name"))
        if name not in volumes:
            yield not_found(join(place, "name"), name)
        if not path:
            yield required(join(place, "mountPath"))
        if path in seen:
            yield invalid(join(place, "mountPath"), path, "must be unique")
        seen.add(path)
        if any(item.get("name") == name for item in blocks):
            yield invalid(join(place, "name"), name, "must not already exist in volumeDevices")
        if any(item.get("devicePath") == path for item in blocks):
            yield invalid(join(place, "mountPath"), path, "must not already exist as a path in volumeDevices")
        yield from _below(mount, place)
        yield from _spread(mount, container, place)


def devices(container: dict[str, Any], volumes: dict[str, dict[str, Any]], at: str) -> Iterator[Refusal]:
    """Check the block devices of a container."""
    names: set[str] = set()
    paths: set[str] = set()
    for i, device in entries(container.get("volumeDevices")):
        place = join(join(at, "volumeDevices"), i)
        name, path = str(device.get("name") or ""), str(device.get("devicePath") or "")
        for field, value, seen in (("name", name, names), ("devicePath", path, paths)):
            if not value:
                yield required(join(place, field))
            elif value in seen:
                yield invalid(join(place, field), value, "must be unique")
            seen.add(value)
        if name not in volumes:
            yield not_found(join(place, "name"), name)
        elif not {"persistentVolumeClaim", "ephemeral"} & set(volumes[name]):
            reason = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            yield invalid(join(place, "name"), name, reason)
        if any(True for _ in backsteps(path, place)):
            yield invalid(join(place, "devicePath"), path, "can not contain backsteps ('..')")


def _below(mount: dict[str, Any], at: str) -> Iterator[Refusal]:
    own, expression = str(mount.get("subPath") or ""), str(mount.get("subPathExpr") or "")
    for field, value in (("subPath", own), ("subPathExpr", expression)):
        yield from descending(value, join(at, field))
    if own and expression:
        yield invalid(join(at, "subPathExpr"), expression, "subPathExpr and subPath are mutually exclusive")


def _spread(mount: dict[str, Any], container: dict[str, Any], at: str) -> Iterator[Refusal]:
    given, recursive = mount.get("mountPropagation"), mount.get("recursiveReadOnly")
    yield from one_of(mount, at, {"mountPropagation": _PROPAGATION, "recursiveReadOnly": _RECURSIVE})
    if given == "Bidirectional" and table(container.get("securityContext")).get("privileged") is not True:
        reason = "Bidirectional mount propagation is available only to privileged containers"
        yield forbidden(join(at, "mountPropagation"), reason)
    if recursive in ("Enabled", "IfPossible"):
        place = join(at, "recursiveReadOnly")
        if not mount.get("readOnly"):
            yield forbidden(place, "may only be specified when readOnly is true")
        if given not in (None, "None"):
            yield forbidden(place, "may only be specified when mountPropagation is None or not specified")
