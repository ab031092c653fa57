"""Roles and bindings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import path_segment, subdomain
from control.lint.manifests.server.meta import metadata, selector
from control.lint.manifests.server.refusal import Refusal, each, invalid, required, unsupported

__all__ = ["binding", "role"]

_GROUP = "rbac.authorization.k8s.io"
_SUBJECTS = ("ServiceAccount", "User", "Group")


def role(namespaced: bool) -> Callable[[dict[str, Any]], Iterator[Refusal]]:
    """Return the check of Roles or of ClusterRoles."""

    def check(body: dict[str, Any]) -> Iterator[Refusal]:
        yield from metadata(body, path_segment, namespaced)
        for i, rule in entries(body.get("rules")):
            yield from _rule(rule, namespaced, join("rules", i))
        aggregation = body.get("aggregationRule")
        if isinstance(aggregation, dict):
            at = "aggregationRule.clusterRoleSelectors"
            if not aggregation.get("clusterRoleSelectors"):
                yield required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil")
            for i, item in entries(aggregation.get("clusterRoleSelectors")):
                yield from selector(item, join(at, i))

    return check


def binding(namespaced: bool) -> Callable[[dict[str, Any]], Iterator[Refusal]]:
    """Return the check of RoleBindings or of ClusterRoleBindings."""
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)

    def check(body: dict[str, Any]) -> Iterator[Refusal]:
        yield from metadata(body, path_segment, namespaced)
        named = table(body.get("roleRef"))
        group, kind, name = (str(named.get(part) or "") for part in ("apiGroup", "kind", "name"))
        # The server adds a group that is missing.
        if group not in ("", _GROUP):
            yield unsupported("roleRef.apiGroup", group, (_GROUP,))
        if kind not in kinds:
            yield unsupported("roleRef.kind", kind, kinds)
        if name:
            yield from each("roleRef.name", name, path_segment(name))
        else:
            yield required("roleRef.name")
        for i, subject in entries(body.get("subjects")):
            yield from _subject(subject, namespaced, join("subjects", i))

    return check


def _rule(rule: dict[str, Any], namespaced: bool, at: str) -> Iterator[Refusal]:
    if not rule.get("verbs"):
        yield required(join(at, "verbs"), "verbs must contain at least one value")
    addresses = rule.get("nonResourceURLs")
    if addresses:
        place = join(at, "nonResourceURLs")
        if namespaced:
            yield invalid(place, addresses, "namespaced rules cannot apply to non-resource URLs")
        if any(rule.get(part) for part in ("apiGroups", "resources", "resourceNames")):
            reason = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(place, addresses, reason)
        return
    if not rule.get("apiGroups"):
        yield required(join(at, "apiGroups"), "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(join(at, "resources"), "resource rules must supply at least one resource")


def _subject(subject: dict[str, Any], namespaced: bool, at: str) -> Iterator[Refusal]:
    kind, name, group = (str(subject.get(part) or "") for part in ("kind", "name", "apiGroup"))
    if not name:
        yield required(join(at, "name"))
    if kind not in _SUBJECTS:
        yield unsupported(join(at, "kind"), kind, _SUBJECTS)
    elif kind != "ServiceAccount":
        if group not in ("", _GROUP):
            yield unsupported(join(at, "apiGroup"), group, (_GROUP,))
    else:
        if name:
            yield from each(join(at, "name"), name, subdomain(name))
        if group:
            yield unsupported(join(at, "apiGroup"), group, ("",))
        if not namespaced and not subject.get("namespace"):
            yield required(join(at, "namespace"))
