"""PersistentVolumeClaims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import join, table
from control.lint.manifests.server.formats import dns_label, subdomain
from control.lint.manifests.server.meta import metadata, selector
from control.lint.manifests.server.refusal import (
    Refusal,
    each,
    forbidden,
    invalid,
    key,
    missing,
    one_of,
    required,
    unsupported,
)

__all__ = ["ACCESS_MODES", "claim", "claim_spec"]

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
NO_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def claim(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a PersistentVolumeClaim."""
    yield from metadata(body, subdomain)
    yield from claim_spec(table(body.get("spec")), "spec")


def claim_spec(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check what a claim asks for."""
    yield from access_modes(spec, at, "at least 1 access mode is required")
    yield from selector(spec.get("selector"), join(at, "selector"))
    requests = table(table(spec.get("resources")).get("requests"))
    place = key(join(at, "resources"), "storage")
    if "storage" not in requests:
        yield required(place)
    else:
        number = parse(requests["storage"])
        if number is None:
            yield Refusal(join(at, "resources.requests.storage"), NO_QUANTITY)
        elif number <= 0:
            yield invalid(place, str(requests["storage"]), "must be greater than zero")
    for name in ("storageClassName", "volumeAttributesClassName"):
        if spec.get(name):
            yield from each(join(at, name), spec[name], subdomain(str(spec[name])))
    yield from one_of(spec, at, {"volumeMode": VOLUME_MODES})
    yield from _sources(spec, at)


def access_modes(spec: dict[str, Any], at: str, reason: str) -> Iterator[Refusal]:
    """Check the access modes of a claim or a volume."""
    modes, place = spec.get("accessModes") or [], join(at, "accessModes")
    if not modes:
        yield required(place, reason)
    for mode in modes:
        if mode not in ACCESS_MODES:
            yield unsupported(place, mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and any(mode in ACCESS_MODES[:3] for mode in modes):
        yield forbidden(place, "may not use ReadWriteOncePod with other access modes")


def _sources(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    for name in ("dataSource", "dataSourceRef"):
        given, place = spec.get(name), join(at, name)
        if not isinstance(given, dict):
            continue
        yield from missing(given, place, ("name", "kind"))
        group = str(given.get("apiGroup") or "")
        if not group and given.get("kind") != "PersistentVolumeClaim":
            reason = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
            yield invalid(place, given.get("kind") or "", reason)
        if group:
            yield from each(join(place, "apiGroup"), group, subdomain(group))
        if given.get("namespace"):
            yield from each(join(place, "namespace"), given["namespace"], dns_label(str(given["namespace"])))
    one, other = spec.get("dataSource"), spec.get("dataSourceRef")
    if isinstance(one, dict) and isinstance(other, dict):
        if other.get("namespace"):
            yield invalid(at, "dataSource", "may not be specified when dataSourceRef.namespace is specified")
        elif any((one.get(part) or "") != (other.get(part) or "") for part in ("apiGroup", "kind", "name")):
            yield invalid(at, "dataSource", "must match dataSourceRef")
