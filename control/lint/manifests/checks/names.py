"""Names, labels and annotations of custom resources, and objects that exist twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from control.lint.finding import Finding
from control.lint.manifests.objects.pods import pods
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import dig, entries, join, table
from control.lint.manifests.server.check import covers

__all__ = ["check"]

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
FREE = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
"""Kinds whose names may contain colons and capital letters."""


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield names that the API server refuses, and objects that exist twice."""
    seen: dict[tuple[str, str, str, str], Resource] = {}
    for resource in bundle.resources:
        identity = (resource.group, resource.kind, resource.namespace, resource.name)
        if identity in seen and dig(resource.body, "metadata.name"):
            other = seen[identity].origin
            yield resource.finding("SLW004", "metadata.name", f"{resource.label} already exists in {other.file}")
        seen[identity] = resource
        # The rules of the API server check the names of the kinds that they know.
        if not covers(resource.body):
            yield from _named(resource)
            yield from _labels(resource, "metadata")
    for template in pods(bundle):
        if covers(template.owner.body):
            continue
        place = template.path.rpartition(".")[0]
        if place and "[" not in place:
            yield from _labels(template.owner, join(place, "metadata"))
        for key in ("initContainers", "containers", "volumes"):
            for i, item in entries(template.spec.get(key)):
                name = item.get("name")
                if isinstance(name, str) and not _fits(LABEL, name, 63):
                    at = join(join(join(template.path, key), i), "name")
                    yield template.owner.finding("SLW201", at, f"{name!r} is not a DNS label")


def _named(resource: Resource) -> Iterator[Finding]:
    name = dig(resource.body, "metadata.name")
    if isinstance(name, str) and resource.kind not in FREE:
        pattern, most = (SERVICE, 63) if resource.kind == "Service" else (SUBDOMAIN, 253)
        if resource.kind == "Namespace":
            pattern, most = LABEL, 63
        if not _fits(pattern, name, most):
            message = f"{name!r} is not allowed; use lower-case letters, digits and `-`, at most {most} characters"
            yield resource.finding("SLW201", "metadata.name", message)
    namespace = dig(resource.body, "metadata.namespace")
    if isinstance(namespace, str) and not _fits(LABEL, namespace, 63):
        yield resource.finding("SLW201", "metadata.namespace", f"{namespace!r} is not a DNS label")


def _labels(resource: Resource, path: str) -> Iterator[Finding]:
    for key in ("labels", "annotations"):
        for name, value in table(dig(resource.body, join(path, key))).items():
            at = join(join(path, key), name)
            prefix, _, rest = name.rpartition("/")
            good = _fits(QUALIFIED, rest, 63) and (not prefix or _fits(SUBDOMAIN, prefix, 253))
            if not good or name.startswith("/"):
                yield resource.finding("SLW202", at, f"{name!r} is not a valid name of a label or annotation")
            if not isinstance(value, str):
                yield resource.finding("SLW202", at, f"the value {value!r} is not text; quote it")
            elif key == "labels" and value and not _fits(QUALIFIED, value, 63):
                yield resource.finding("SLW202", at, f"{value!r} is not a valid value of a label")


def _fits(pattern: re.Pattern[str], text: str, most: int) -> bool:
    return len(text) <= most and pattern.fullmatch(text) is not None
