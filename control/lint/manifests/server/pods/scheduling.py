"""Where pods may run: affinity, tolerations and topology spread constraints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import dns_label, label_value, qualified_name, subdomain
from control.lint.manifests.server.meta import selector
from control.lint.manifests.server.refusal import (
    Refusal,
    duplicate,
    each,
    forbidden,
    invalid,
    one_of,
    required,
    unsupported,
    whole,
)

__all__ = ["affinity", "node_selector", "spread", "tolerations"]

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_POLICIES = ("Honor", "Ignore")
_NOT_POSITIVE = "must be greater than zero"


def tolerations(given: Any, at: str) -> Iterator[Refusal]:
    """Check the tolerations of a pod."""
    for i, item in entries(given):
        place = join(at, i)
        name, effect = str(item.get("key") or ""), str(item.get("effect") or "")
        operator, value = str(item.get("operator") or ""), str(item.get("value") or "")
        if name:
            yield from each(join(place, "key"), name, qualified_name(name))
        elif operator != "Exists":
            reason = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            yield invalid(join(place, "operator"), operator, reason)
        if item.get("tolerationSeconds") is not None and effect != "NoExecute":
            reason = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            yield invalid(join(place, "effect"), effect, reason)
        if operator in ("Equal", ""):
            yield from each(join(place, "operator"), value, label_value(value))
        elif operator == "Exists":
            if value:
                yield invalid(join(place, "operator"), value, "value must be empty when `operator` is 'Exists'")
        else:
            yield unsupported(join(place, "operator"), operator, ("Equal", "Exists"))
        if effect and effect not in EFFECTS:
            yield unsupported(join(place, "effect"), effect, EFFECTS)


def affinity(given: Any, at: str) -> Iterator[Refusal]:
    """Check the affinity of a pod to nodes and to other pods."""
    body = table(given)
    node, place = table(body.get("nodeAffinity")), join(at, "nodeAffinity")
    if node.get(_REQUIRED) is not None:
        yield from node_selector(node[_REQUIRED], join(place, _REQUIRED))
    for i, term in entries(node.get(_PREFERRED)):
        one = join(join(place, _PREFERRED), i)
        yield from _weight(term, one)
        yield from _node_term(table(term.get("preference")), join(one, "preference"), strict=False)
    for kind in ("podAffinity", "podAntiAffinity"):
        rules, place = table(body.get(kind)), join(at, kind)
        for i, term in entries(rules.get(_REQUIRED)):
            yield from _pod_term(term, join(join(place, _REQUIRED), i))
        for i, term in entries(rules.get(_PREFERRED)):
            one = join(join(place, _PREFERRED), i)
            yield from _weight(term, one)
            yield from _pod_term(table(term.get("podAffinityTerm")), join(one, "podAffinityTerm"))


def node_selector(given: Any, at: str) -> Iterator[Refusal]:
    """Check the terms that select nodes."""
    place, terms = join(at, "nodeSelectorTerms"), entries(table(given).get("nodeSelectorTerms"))
    if not terms:
        yield required(place, "must have at least one node selector term")
    for i, term in terms:
        yield from _node_term(term, join(place, i), strict=True)


def spread(given: Any, at: str) -> Iterator[Refusal]:
    """Check topology spread constraints."""
    items = entries(given)
    pairs = [(item.get("topologyKey"), item.get("whenUnsatisfiable")) for _, item in items]
    for n, (i, item) in enumerate(items):
        place = join(at, i)
        skew, action = whole(item.get("maxSkew")) or 0, item.get("whenUnsatisfiable") or ""
        if skew <= 0:
            yield invalid(join(place, "maxSkew"), skew, _NOT_POSITIVE)
        if not item.get("topologyKey"):
            yield required(join(place, "topologyKey"), "can not be empty")
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            yield unsupported(join(place, "whenUnsatisfiable"), action, ("DoNotSchedule", "ScheduleAnyway"))
        if pairs[n] in pairs[n + 1 :]:
            yield duplicate(join(place, "{topologyKey, whenUnsatisfiable}"), f"{{{pairs[n][0]}, {pairs[n][1]}}}")
        least = whole(item.get("minDomains"))
        if least is not None:
            yield from _domains(least, str(action), join(place, "minDomains"))
        yield from one_of(item, place, {"nodeAffinityPolicy": _POLICIES, "nodeTaintsPolicy": _POLICIES})
        yield from selector(item.get("labelSelector"), join(place, "labelSelector"))
        yield from _label_keys(item, place)


def _domains(least: int, action: str, at: str) -> Iterator[Refusal]:
    if least <= 0:
        yield invalid(at, least, _NOT_POSITIVE)
    if action != "DoNotSchedule":
        reason = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        yield invalid(at, least, reason)


def _label_keys(item: dict[str, Any], at: str) -> Iterator[Refusal]:
    keys = item.get("matchLabelKeys") or []
    place = join(at, "matchLabelKeys")
    if keys and not isinstance(item.get("labelSelector"), dict):
        yield forbidden(place, "must not be specified when labelSelector is not set")
    chosen = table(item.get("labelSelector"))
    known = set(table(chosen.get("matchLabels")))
    known |= {str(one.get("key")) for _, one in entries(chosen.get("matchExpressions"))}
    for i, name in enumerate(keys):
        yield from each(join(place, i), name, qualified_name(str(name)))
        if name in known:
            yield invalid(join(place, i), name, "exists in both matchLabelKeys and labelSelector")


def _weight(term: dict[str, Any], at: str) -> Iterator[Refusal]:
    weight = whole(term.get("weight")) or 0
    if not 1 <= weight <= 100:
        yield invalid(join(at, "weight"), weight, "must be in the range 1-100")


def _node_term(term: dict[str, Any], at: str, strict: bool) -> Iterator[Refusal]:
    for i, item in entries(term.get("matchExpressions")):
        place = join(join(at, "matchExpressions"), i)
        operator, values = item.get("operator"), item.get("values") or []
        yield from _operator(operator, values, place)
        yield from each(join(place, "key"), item.get("key"), qualified_name(str(item.get("key") or "")))
        for j, value in enumerate(values if strict else ()):
            yield from each(join(join(place, "values"), j), value, label_value(str(value)))
    for i, item in entries(term.get("matchFields")):
        place = join(join(at, "matchFields"), i)
        values = item.get("values") or []
        if item.get("operator") not in ("In", "NotIn"):
            yield invalid(join(place, "operator"), item.get("operator"), "not a valid selector operator")
        elif len(values) != 1:
            reason = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            yield required(join(place, "values"), reason)
        if item.get("key") != "metadata.name":
            yield invalid(join(place, "key"), item.get("key"), "not a valid field selector key")
        for j, value in enumerate(values):
            yield from each(join(join(place, "values"), j), value, subdomain(str(value)))


def _operator(operator: Any, values: list[Any], at: str) -> Iterator[Refusal]:
    place = join(at, "values")
    if operator in ("In", "NotIn"):
        if not values:
            yield required(place, "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden(place, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            yield required(place, "must be specified single value when `operator` is 'Lt' or 'Gt'")
    else:
        yield invalid(join(at, "operator"), operator, "not a valid selector operator")


def _pod_term(term: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from selector(term.get("labelSelector"), join(at, "labelSelector"))
    yield from selector(term.get("namespaceSelector"), join(at, "namespaceSelector"))
    for name in term.get("namespaces") or ():
        yield from each(join(at, "namespace"), name, dns_label(str(name)))
    keys = term.get("matchLabelKeys") or []
    for field in ("matchLabelKeys", "mismatchLabelKeys"):
        names = term.get(field) or []
        if names and not isinstance(term.get("labelSelector"), dict):
            yield forbidden(join(at, field), "must not be specified when labelSelector is not set")
        for i, name in enumerate(names):
            yield from each(join(join(at, field), i), name, qualified_name(str(name)))
    for i, name in enumerate(keys):
        place = join(join(at, "matchLabelKeys"), i)
        if name in (term.get("mismatchLabelKeys") or ()):
            yield invalid(place, name, "exists in both matchLabelKeys and mismatchLabelKeys")
        if name in table(table(term.get("labelSelector")).get("matchLabels")):
            yield invalid(place, name, "exists in both matchLabelKeys and labelSelector")
    name, place = str(term.get("topologyKey") or ""), join(at, "topologyKey")
    if not name:
        yield required(place, "can not be empty")
    yield from each(place, name, qualified_name(name))
