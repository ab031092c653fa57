"""Kinds of the whole cluster, and small kinds: namespaces, accounts, classes, volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import entries, join, strings, table
from control.lint.manifests.server.claims import VOLUME_MODES, access_modes
from control.lint.manifests.server.formats import dns_label, qualified_name, subdomain
from control.lint.manifests.server.meta import labels, metadata
from control.lint.manifests.server.pods.resources import amount, requirements
from control.lint.manifests.server.pods.scheduling import node_selector, tolerations
from control.lint.manifests.server.pods.volumes import of_volume
from control.lint.manifests.server.refusal import (
    Refusal,
    duplicate,
    each,
    forbidden,
    invalid,
    key,
    one_of,
    required,
    unsupported,
    whole,
)

__all__ = ["named", "namespace", "priority_class", "runtime_class", "storage_class", "volume"]

LEVELS = ("privileged", "baseline", "restricted")
PSA = "pod-security.kubernetes.io/"
_HIGHEST_PRIORITY = 1_000_000_000
_RECLAIM = ("Delete", "Recycle", "Retain")
_NO_SOURCES = frozenset(
    "accessModes capacity claimRef mountOptions nodeAffinity persistentVolumeReclaimPolicy storageClassName "
    "volumeAttributesClassName volumeMode".split()
)
"""Fields of a volume that are not its source."""


def named(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a kind that has nothing but metadata to check."""
    yield from metadata(body, subdomain)


def namespace(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a Namespace and the levels of Pod Security in its labels."""
    yield from metadata(body, dns_label, namespaced=False)
    for name, value in strings(table(body.get("metadata")).get("labels")).items():
        if not name.startswith(PSA):
            continue
        part = name.removeprefix(PSA)
        place = key("metadata.labels", name)
        if part in ("enforce", "audit", "warn") and value not in LEVELS:
            yield invalid(place, value, f"must be one of {', '.join(LEVELS)}")
        if part.endswith("-version") and value != "latest" and not re.fullmatch(r"v1\.(0|[1-9]\d*)", value):
            yield invalid(place, value, 'must be "latest" or "v1.x"')


def priority_class(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a PriorityClass."""
    yield from metadata(body, subdomain, namespaced=False)
    name, value = str(table(body.get("metadata")).get("name") or ""), whole(body.get("value")) or 0
    if name.startswith("system-"):
        reason = "priority class names with 'system-' prefix are reserved for system use only"
        yield forbidden("metadata.name", reason)
    if value > _HIGHEST_PRIORITY:
        reason = f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}"
        yield forbidden("value", reason)
    yield from one_of(body, "", {"preemptionPolicy": ("PreemptLowerPriority", "Never")})


def storage_class(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a StorageClass."""
    yield from metadata(body, subdomain, namespaced=False)
    if not body.get("provisioner"):
        yield required("provisioner")
    else:
        name = str(body["provisioner"]).lower()
        yield from each("provisioner", body["provisioner"], qualified_name(name))
    yield from one_of(
        body, "", {"reclaimPolicy": _RECLAIM[::2], "volumeBindingMode": ("Immediate", "WaitForFirstConsumer")}
    )
    if "" in table(body.get("parameters")):
        yield invalid("parameters", "", "field can not be empty.")
    for i, term in entries(body.get("allowedTopologies")):
        for j, item in entries(term.get("matchLabelExpressions")):
            at = join(join(join("allowedTopologies", i), "matchLabelExpressions"), j)
            yield from each(join(at, "key"), item.get("key"), qualified_name(str(item.get("key") or "")))
            if not item.get("values"):
                yield required(join(at, "values"))
            yield from _repeated(item.get("values") or [], join(at, "values"))


def _repeated(values: list[Any], at: str) -> Iterator[Refusal]:
    for i, value in enumerate(values):
        if value in values[:i]:
            yield duplicate(join(at, i), value)


def runtime_class(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a RuntimeClass."""
    yield from metadata(body, subdomain, namespaced=False)
    handler = str(body.get("handler") or "")
    yield from each("handler", handler, dns_label(handler))
    overhead = table(table(body.get("overhead")).get("podFixed"))
    yield from requirements({"limits": overhead}, "overhead.podFixed")
    scheduling = table(body.get("scheduling"))
    yield from labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
    yield from tolerations(scheduling.get("tolerations"), "scheduling.tolerations")


def volume(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a PersistentVolume."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain, namespaced=False)
    yield from access_modes(spec, "spec", "")
    capacity = table(spec.get("capacity"))
    if not capacity:
        yield required("spec.capacity")
    if set(capacity) != {"storage"}:
        yield unsupported("spec.capacity", capacity, ("storage",))
    for name, value in capacity.items():
        number = parse(value)
        yield from amount(name, value, key("spec.capacity", name))
        if number is not None and number <= 0:
            yield invalid(key("spec.capacity", name), str(value), "must be greater than zero")
    yield from one_of(spec, "spec", {"persistentVolumeReclaimPolicy": _RECLAIM, "volumeMode": VOLUME_MODES})
    if spec.get("storageClassName"):
        yield from each(
            "spec.storageClassName", spec["storageClassName"], subdomain(str(spec["storageClassName"]))
        )
    sources = [name for name in spec if name not in _NO_SOURCES]
    if not sources:
        yield required("spec", "must specify a volume type")
    for name in sources[1:]:
        yield forbidden(join("spec", name), "may not specify more than 1 volume type")
    for name in sources[:1]:
        yield from of_volume(name, table(spec[name]), join("spec", name))
    yield from _placed(spec)


def _placed(spec: dict[str, Any]) -> Iterator[Refusal]:
    affinity, path = spec.get("nodeAffinity"), str(table(spec.get("hostPath")).get("path") or "")
    if isinstance(affinity, dict):
        if affinity.get("required") is None:
            yield required("spec.nodeAffinity.required", "must specify required node constraints")
        else:
            yield from node_selector(affinity["required"], "spec.nodeAffinity.required")
    elif spec.get("local") is not None:
        yield required("spec.nodeAffinity", "Local volume requires node affinity")
    if path and not path.strip("/") and spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        reason = "may not be 'recycle' for a hostPath mount of '/'"
        yield forbidden("spec.persistentVolumeReclaimPolicy", reason)
    chosen = spec.get("volumeAttributesClassName")
    if chosen is not None:
        at = "spec.volumeAttributesClassName"
        yield from (
            each(at, chosen, subdomain(str(chosen)))
            if chosen
            else (required(at, "an empty string is disallowed"),)
        )
        if spec.get("csi") is None:
            yield required("spec.csi", "has to be specified when using volumeAttributesClassName")
