"""Autoscalers and disruption budgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.pods import RAY_CLUSTERS, containers, pods, selecting
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.services import deployments_made
from control.lint.manifests.objects.tree import dig, entries, join, plain, table

__all__ = ["check"]

UNSCALED = (*RAY_CLUSTERS, "Job", "CronJob", "DaemonSet")
"""Owners of pods without a scale subresource, from which a disruption budget reads the number of pods."""


def check(bundle: Bundle) -> Iterator[Finding]:
    """Check bounds, targets and metrics of autoscalers, and what disruption budgets allow."""
    taken: dict[tuple[str, str], Resource] = {}
    for scaler in bundle.of("HorizontalPodAutoscaler", "ScaledObject"):
        if scaler.kind == "ScaledObject":
            yield from _bounds(scaler)
        yield from _target(scaler, bundle)
        reference = table(scaler.get("spec.scaleTargetRef"))
        key = (str(reference.get("kind", "Deployment")), str(reference.get("name")))
        if key in taken:
            message = f"{taken[key].label} already scales {'/'.join(key)}"
            yield scaler.finding("SLW403", "spec.scaleTargetRef", message)
        taken.setdefault(key, scaler)
    for budget in bundle.of("PodDisruptionBudget"):
        yield from _budget(budget, bundle)


def _bounds(scaler: Resource) -> Iterator[Finding]:
    names = ("minReplicaCount", "maxReplicaCount")
    least = scaler.get(f"spec.{names[0]}")
    most = scaler.get(f"spec.{names[1]}")
    most = 100 if most is None else most
    least = 0 if least is None else least
    if isinstance(least, int) and isinstance(most, int) and least > most:
        yield scaler.finding("SLW401", f"spec.{names[0]}", f"{names[0]} is {least}, {names[1]} {most}")


def _target(scaler: Resource, bundle: Bundle) -> Iterator[Finding]:
    reference = table(scaler.get("spec.scaleTargetRef"))
    kind, name = str(reference.get("kind", "Deployment")), str(reference.get("name"))
    found = bundle.find(kind, name, scaler.namespace)
    if found is None:
        made = kind == "Deployment" and name in deployments_made(bundle)
        if not made and not bundle.declared(kind, name):
            yield scaler.finding("SLW402", "spec.scaleTargetRef", f"there is no {kind} {name}", "warning")
        return
    given = reference.get("apiVersion", "apps/v1")
    if str(given).partition("/")[0] != found.group:
        message = f"{kind} {name} is {found.api_version}, not {given}"
        yield scaler.finding("SLW402", "spec.scaleTargetRef.apiVersion", message)
    if found.get("spec.replicas") is not None:
        yield found.finding("SLW405", "spec.replicas", f"{scaler.label} sets the number of replicas")
    if any(_uses_requests(metric) for _, metric in entries(scaler.get("spec.metrics"))):
        yield from _requests(scaler, found)


def _uses_requests(metric: dict[str, Any]) -> bool:
    return bool(dig(metric, "resource.target.type") == "Utilization")


def _requests(scaler: Resource, target: Resource) -> Iterator[Finding]:
    for i, metric in entries(scaler.get("spec.metrics")):
        wanted = plain(dig(metric, "resource.name"))
        if not _uses_requests(metric):
            continue
        for template in pods(Bundle([target])):
            for _, container, first in containers(template):
                # Without a request, the limit counts as the request.
                given = table(dig(container, "resources.requests")) | table(dig(container, "resources.limits"))
                if not first and wanted not in given:
                    message = f"{target.label}: the container {container.get('name')} requests no {wanted}"
                    yield scaler.finding("SLW404", join("spec.metrics", i), message)


def _budget(budget: Resource, bundle: Bundle) -> Iterator[Finding]:
    least, lost = budget.get("spec.minAvailable"), budget.get("spec.maxUnavailable")
    if least is None and lost is None:
        message = "the budget has neither minAvailable nor maxUnavailable"
        yield budget.finding("SLW406", "spec", message, "warning")
    if (least is None) == (lost is None):
        return
    chosen = selecting(budget.get("spec.selector"), pods(bundle), budget.namespace)
    unscaled = [template.owner.label for template in chosen if template.owner.kind in UNSCALED]
    if unscaled and not isinstance(least, int):
        at = "spec.minAvailable" if lost is None else "spec.maxUnavailable"
        yield budget.finding("SLW410", at, f"{unscaled[0]} has no scale subresource with the number of pods")
    replicas = [template.owner.get("spec.replicas") for template in chosen]
    fixed = [count for count in replicas if isinstance(count, int)]
    never = least == "100%" or lost in (0, "0%")
    if isinstance(least, int) and fixed and len(fixed) == len(chosen):
        never = never or least >= sum(fixed)
    if never:
        at = "spec.minAvailable" if lost is None else "spec.maxUnavailable"
        yield budget.finding("SLW408", at, f"{least if lost is None else lost} leaves no pod that may be evicted")
