"""HorizontalPodAutoscalers and PodDisruptionBudgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import path_segment, subdomain
from control.lint.manifests.server.kinds.workloads import at_most_all, share
from control.lint.manifests.server.meta import metadata, selector
from control.lint.manifests.server.pods.resources import NO_QUANTITY
from control.lint.manifests.server.refusal import (
    Refusal,
    each,
    forbidden,
    invalid,
    one_of,
    required,
    unsupported,
    whole,
)

__all__ = ["autoscaler", "disruption_budget"]

SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_LONGEST_WINDOW, _LONGEST_PERIOD = 3600, 1800
_TARGETS = ("Utilization", "Value", "AverageValue")
_NOT_POSITIVE = "must be greater than zero"
_BOTH_RAW = "may not set both a target raw value and a target utilization"


def autoscaler(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a HorizontalPodAutoscaler of any version."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain)
    least, most = whole(spec.get("minReplicas")), whole(spec.get("maxReplicas")) or 0
    if least is not None and least < 1:
        yield invalid("spec.minReplicas", least, "must be greater than or equal to 1")
    if most < 1:
        yield invalid("spec.maxReplicas", most, "must be greater than 0")
    if least is not None and most < least:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    yield from _object(table(spec.get("scaleTargetRef")), "spec.scaleTargetRef")
    for i, metric in entries(spec.get("metrics")):
        yield from _metric(metric, join("spec.metrics", i))
    for way in ("scaleUp", "scaleDown"):
        rules = table(spec.get("behavior")).get(way)
        if isinstance(rules, dict):
            yield from _rules(rules, f"spec.behavior.{way}")
    share_of_cpu = whole(spec.get("targetCPUUtilizationPercentage"))
    if share_of_cpu is not None and share_of_cpu < 1:
        place = "spec.metrics[0].resource.target.averageUtilization"
        yield invalid(place, share_of_cpu, "must be greater than 0")


def disruption_budget(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a PodDisruptionBudget."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain)
    names = ("minAvailable", "maxUnavailable")
    if all(spec.get(name) is not None for name in names):
        yield invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    for name in names:
        yield from share(spec.get(name), f"spec.{name}")
        yield from at_most_all(spec.get(name), f"spec.{name}")
    yield from selector(spec.get("selector"), "spec.selector")
    yield from one_of(spec, "spec", {"unhealthyPodEvictionPolicy": ("AlwaysAllow", "IfHealthyBudget")})


def _object(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    for name in ("kind", "name"):
        value = str(body.get(name) or "")
        if value:
            yield from each(join(at, name), value, path_segment(value))
        else:
            yield required(join(at, name))


def _metric(metric: dict[str, Any], at: str) -> Iterator[Refusal]:
    kind = str(metric.get("type") or "")
    if not kind:
        yield required(join(at, "type"), "must specify a metric source type")
    elif kind not in SOURCES:
        yield unsupported(join(at, "type"), kind, sorted(SOURCES))
    expected = SOURCES.get(kind, "")
    present = [name for name in SOURCES.values() if metric.get(name) is not None]
    if expected and expected not in present:
        yield required(join(at, expected), "must populate information for the given metric source")
    for name in present:
        if name != expected and len(present) != 1:
            yield forbidden(join(at, name), "must populate the given metric source only")
    for name in [name for name in present if name == expected] or present[:1]:
        yield from _source(name, table(metric[name]), join(at, name))


def _source(kind: str, body: dict[str, Any], at: str) -> Iterator[Refusal]:
    target, place = table(body.get("target")), join(at, "target")
    if kind in ("resource", "containerResource"):
        if not body.get("name"):
            yield required(join(at, "name"), "must specify a resource name")
        if kind == "containerResource" and not body.get("container"):
            yield required(join(at, "container"), "must specify a container")
    else:
        yield from _identified(table(body.get("metric")), join(at, "metric"))
    if kind == "object":
        yield from _object(table(body.get("describedObject")), join(at, "describedObject"))
    yield from _target(target, place)
    yield from _fitting(kind, target, place)


def _identified(metric: dict[str, Any], at: str) -> Iterator[Refusal]:
    name = str(metric.get("name") or "")
    if name:
        yield from each(join(at, "name"), name, path_segment(name))
    else:
        yield required(join(at, "name"), "must specify a metric name")


def _target(target: dict[str, Any], at: str) -> Iterator[Refusal]:
    kind = target.get("type") or ""
    if not kind:
        yield required(join(at, "type"), "must specify a metric target type")
    if kind not in _TARGETS:
        yield invalid(join(at, "type"), kind, "must be either Utilization, Value, or AverageValue")
    for name in ("value", "averageValue"):
        given = target.get(name)
        if given is not None:
            number = parse(given)
            if number is None:
                yield Refusal(join(at, name), NO_QUANTITY)
            elif number <= 0:
                yield invalid(join(at, name), str(given), "must be positive")
    used = whole(target.get("averageUtilization"))
    if used is not None and used < 1:
        yield invalid(join(at, "averageUtilization"), used, "must be greater than 0")


def _fitting(kind: str, target: dict[str, Any], at: str) -> Iterator[Refusal]:
    used, each_pod, total = (
        target.get(name) is not None for name in ("averageUtilization", "averageValue", "value")
    )
    if kind in ("resource", "containerResource"):
        if not used and not each_pod:
            reason = "must set either a target raw value or a target utilization"
            yield required(join(at, "averageUtilization"), reason)
        if used and each_pod:
            yield forbidden(join(at, "averageValue"), _BOTH_RAW)
    elif kind == "external":
        if not total and not each_pod:
            reason = "must set either a target value for metric or a per-pod target"
            yield required(join(at, "averageValue"), reason)
        if total and each_pod:
            reason = "may not set both a target value for metric and a per-pod target"
            yield forbidden(join(at, "value"), reason)
    elif kind == "object":
        if not total and not each_pod:
            yield required(join(at, "averageValue"), "must set either a target value or averageValue")
    elif not each_pod:
        yield required(join(at, "averageValue"), "must specify a positive target averageValue")


def _rules(rules: dict[str, Any], at: str) -> Iterator[Refusal]:
    window, place = whole(rules.get("stabilizationWindowSeconds")), join(at, "stabilizationWindowSeconds")
    if window is not None and window < 0:
        yield invalid(place, window, "must be greater than or equal to zero")
    if window is not None and window > _LONGEST_WINDOW:
        yield invalid(place, window, f"must be less than or equal to {_LONGEST_WINDOW}")
    yield from one_of(rules, at, {"selectPolicy": ("Disabled", "Max", "Min")})
    tolerance = rules.get("tolerance")
    if tolerance is not None:
        number = parse(tolerance)
        if number is None:
            yield Refusal(join(at, "tolerance"), NO_QUANTITY)
        elif number < 0:
            yield invalid(join(at, "tolerance"), str(tolerance), "must be greater or equal to zero")
    policies = rules.get("policies")
    if isinstance(policies, list) and not policies:
        yield required(join(at, "policies"), "must specify at least one Policy")
    for i, policy in entries(policies):
        yield from _policy(policy, join(join(at, "policies"), i))


def _policy(policy: dict[str, Any], at: str) -> Iterator[Refusal]:
    kind = policy.get("type") or ""
    if kind not in ("Percent", "Pods"):
        yield unsupported(join(at, "type"), kind, ("Percent", "Pods"))
    value, period = (whole(policy.get(name)) or 0 for name in ("value", "periodSeconds"))
    if value <= 0:
        yield invalid(join(at, "value"), value, _NOT_POSITIVE)
    if period <= 0:
        yield invalid(join(at, "periodSeconds"), period, _NOT_POSITIVE)
    if period > _LONGEST_PERIOD:
        yield invalid(join(at, "periodSeconds"), period, f"must be less than or equal to {_LONGEST_PERIOD}")
