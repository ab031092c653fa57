"""Kinds of the whole cluster, and small kinds: namespaces, accounts, classes, quotas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import entries, join, strings, table
from control.lint.manifests.server.claims import VOLUME_MODES, access_modes
from control.lint.manifests.server.formats import dns_label, subdomain
from control.lint.manifests.server.meta import metadata
from control.lint.manifests.server.pods.resources import amount
from control.lint.manifests.server.refusal import (
    Refusal,
    each,
    forbidden,
    invalid,
    key,
    one_of,
    required,
    unsupported,
    whole,
)

__all__ = ["limit_range", "named", "namespace", "priority_class", "quota", "storage_class", "volume"]

LEVELS = ("privileged", "baseline", "restricted")
PSA = "pod-security.kubernetes.io/"
_HIGHEST_PRIORITY = 1_000_000_000
_RECLAIM = ("Delete", "Recycle", "Retain")
_NO_SOURCES = frozenset(
    "accessModes capacity claimRef mountOptions nodeAffinity persistentVolumeReclaimPolicy storageClassName "
    "volumeAttributesClassName volumeMode".split()
)
"""Fields of a volume that are not its source."""
_COUNTED = frozenset(
    "configmaps cpu ephemeral-storage limits.cpu limits.ephemeral-storage limits.memory memory "
    "persistentvolumeclaims pods replicationcontrollers requests.cpu requests.ephemeral-storage requests.memory "
    "requests.storage resourcequotas secrets services services.loadbalancers services.nodeports".split()
)
"""What a quota can limit, beside huge pages and names with a slash."""
_LIMITS = ("min", "default", "defaultRequest", "max", "maxLimitRequestRatio")


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
    yield from one_of(
        body, "", {"reclaimPolicy": _RECLAIM[::2], "volumeBindingMode": ("Immediate", "WaitForFirstConsumer")}
    )


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
    if spec.get("local") is not None and not table(spec.get("nodeAffinity")).get("required"):
        yield required("spec.nodeAffinity", "Local volume requires node affinity")


def quota(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a ResourceQuota."""
    yield from metadata(body, subdomain)
    for name, value in table(table(body.get("spec")).get("hard")).items():
        at = key("spec.hard", name)
        yield from amount(name, value, at)
        if (
            "/" not in name
            and name not in _COUNTED
            and not name.removeprefix("requests.").startswith("hugepages-")
        ):
            yield invalid(at, name, "must be a standard resource for quota")


def limit_range(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a LimitRange."""
    yield from metadata(body, subdomain)
    kinds: set[str] = set()
    for i, item in entries(table(body.get("spec")).get("limits")):
        at, kind = join("spec.limits", i), str(item.get("type") or "")
        if kind in kinds:
            yield Refusal(join(at, "type"), f'Duplicate value: "{kind}"')
        kinds.add(kind)
        if kind == "Pod":
            for part in ("default", "defaultRequest"):
                if item.get(part):
                    yield forbidden(join(at, part), "may not be specified when `type` is 'Pod'")
        for part in _LIMITS:
            for name, value in table(item.get(part)).items():
                yield from amount(name, value, key(join(at, part), name))
        yield from _ordered(item, at)


def _ordered(item: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check that min, defaultRequest, default and max do not fall."""
    order = (("min", "min value"), ("defaultRequest", "default request value"), ("default", "default value"))
    parts = (*order, ("max", "max value"))
    for i, (low, low_words) in enumerate(parts):
        for high, high_words in parts[i + 1 :]:
            for name, value in table(item.get(low)).items():
                least, most = parse(value), parse(table(item.get(high)).get(name))
                if least is not None and most is not None and least > most:
                    reason = f"{low_words} {value} is greater than {high_words} {item[high][name]}"
                    yield invalid(key(join(at, low), name), str(value), reason)
