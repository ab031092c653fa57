"""ResourceQuotas and LimitRanges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import qualified_name, subdomain
from control.lint.manifests.server.meta import metadata
from control.lint.manifests.server.pods.resources import amount, named, shared
from control.lint.manifests.server.refusal import (
    Refusal,
    each,
    forbidden,
    invalid,
    key,
    required,
)

__all__ = ["limit_range", "quota"]

_COUNTED = frozenset(
    "configmaps cpu ephemeral-storage limits.cpu limits.ephemeral-storage limits.memory memory "
    "persistentvolumeclaims pods replicationcontrollers requests.cpu requests.ephemeral-storage requests.memory "
    "requests.storage resourcequotas secrets services services.loadbalancers services.nodeports".split()
)
"""What a quota can limit, beside huge pages and names with a slash."""
_WHOLE = frozenset(
    "configmaps persistentvolumeclaims pods replicationcontrollers resourcequotas secrets services "
    "services.loadbalancers services.nodeports".split()
)
"""What is counted, so that a quota of it is a whole number."""
_OF_PODS = frozenset(
    "cpu limits.cpu limits.memory memory pods requests.cpu requests.memory requests.ephemeral-storage "
    "limits.ephemeral-storage ephemeral-storage".split()
)
_SCOPES: dict[str, frozenset[str]] = {
    "BestEffort": frozenset({"pods"}),
    "CrossNamespacePodAffinity": _OF_PODS,
    "NotBestEffort": _OF_PODS,
    "NotTerminating": _OF_PODS,
    "PriorityClass": _OF_PODS,
    "Terminating": _OF_PODS,
    "VolumeAttributesClass": frozenset({"persistentvolumeclaims", "requests.storage"}),
}
"""Scope of a quota -> what it can limit."""
_OPPOSITES = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_ONLY_EXISTS = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_LIMITS = ("min", "default", "defaultRequest", "max", "maxLimitRequestRatio")
_LIMITED = ("Container", "PersistentVolumeClaim", "Pod")


def quota(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a ResourceQuota."""
    spec = table(body.get("spec"))
    hard = table(spec.get("hard"))
    yield from metadata(body, subdomain)
    for name, value in hard.items():
        at, number = key("spec.hard", name), parse(value)
        yield from amount(name, value, at)
        if name in _WHOLE and number is not None and number != number.to_integral_value():
            yield invalid(at, str(value), "must be an integer")
        if "/" not in name and not _known(name):
            yield invalid(at, name, "must be a standard resource for quota")
    scopes = [str(scope) for scope in spec.get("scopes") or ()]
    yield from _scopes(scopes, hard, "spec.scopes", "spec.scopes")
    at = "spec.scopeSelector.matchExpressions"
    items = [item for _, item in entries(table(spec.get("scopeSelector")).get("matchExpressions"))]
    yield from _scopes([str(item.get("scopeName")) for item in items], hard, join(at, "scopeName"), at)
    for item in items:
        yield from _selected(item, at)


def _known(name: str) -> bool:
    return name in _COUNTED or name.removeprefix("requests.").startswith("hugepages-")


def _scopes(scopes: list[str], hard: dict[str, Any], at: str, whole: str) -> Iterator[Refusal]:
    for scope in scopes:
        if scope not in _SCOPES:
            yield invalid(at, scope, "unsupported scope")
        elif any(_known(name) and name not in _SCOPES[scope] for name in hard):
            yield invalid(whole, scopes, "unsupported scope applied to resource")
    if any(pair <= set(scopes) for pair in _OPPOSITES):
        yield invalid(whole, scopes, "conflicting scopes")


def _selected(item: dict[str, Any], at: str) -> Iterator[Refusal]:
    operator, values = item.get("operator"), item.get("values")
    named_only = item.get("scopeName") in ("PriorityClass", "VolumeAttributesClass")
    if item.get("scopeName") in _SCOPES and not named_only and operator != "Exists":
        yield invalid(join(at, "operator"), operator, _ONLY_EXISTS)
    if operator in ("In", "NotIn"):
        if not values:
            reason = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            yield required(join(at, "values"), reason)
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            reason = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            yield invalid(join(at, "values"), values, reason)
    else:
        yield invalid(join(at, "operator"), operator, "not a valid selector operator")


def limit_range(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a LimitRange."""
    yield from metadata(body, subdomain)
    kinds: set[str] = set()
    for i, item in entries(table(body.get("spec")).get("limits")):
        at, kind = join("spec.limits", i), str(item.get("type") or "")
        problems = qualified_name(kind)
        yield from each(join(at, "type"), kind, problems)
        if not problems and "/" not in kind and kind not in _LIMITED:
            yield invalid(join(at, "type"), kind, "must be a standard limit type or fully qualified")
        if kind in kinds:
            yield Refusal(join(at, "type"), f'Duplicate value: "{kind}"')
        kinds.add(kind)
        yield from _limits(item, kind, at)
        yield from _ordered(item, at)
        yield from _ratios(item, at)


def _limits(item: dict[str, Any], kind: str, at: str) -> Iterator[Refusal]:
    if kind == "Pod":
        for part in ("default", "defaultRequest"):
            if item.get(part):
                yield forbidden(join(at, part), "may not be specified when `type` is 'Pod'")
    if kind == "PersistentVolumeClaim" and not any("storage" in table(item.get(part)) for part in ("min", "max")):
        reason = "either minimum or maximum storage value is required, but neither was provided"
        yield required(join(at, "limits"), reason)
    for part in _LIMITS:
        for name, value in table(item.get(part)).items():
            place = key(join(at, part), name)
            if kind in ("Pod", "Container"):
                yield from named(name, place)
            yield from amount(name, value, place)
    given, asked = table(item.get("default")), table(item.get("defaultRequest"))
    for name in given.keys() & asked.keys():
        if not shared(name) and parse(given[name]) != parse(asked[name]):
            reason = f"default value {given[name]} must equal to defaultRequest value {asked[name]} in {name}"
            yield invalid(key(join(at, "defaultRequest"), name), str(asked[name]), reason)


def _ratios(item: dict[str, Any], at: str) -> Iterator[Refusal]:
    for name, value in table(item.get("maxLimitRequestRatio")).items():
        place, ratio = key(join(at, "maxLimitRequestRatio"), name), parse(value)
        least, most = (parse(table(item.get(part)).get(name)) for part in ("min", "max"))
        if ratio is not None and ratio < 1:
            yield invalid(place, str(value), f"ratio {value} is less than 1")
        elif ratio is not None and least and most is not None and ratio > most / least:
            yield invalid(place, str(value), f"ratio {value} is greater than max/min = {most / least:.6f}")


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
