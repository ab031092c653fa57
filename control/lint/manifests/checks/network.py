"""Services, NetworkPolicies, disruption budgets and monitors, and the pods that they select."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.checks.pod import port_problem
from control.lint.manifests.objects.pods import PodTemplate, containers, matches, pods, selecting
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import dig, entries, join, strings, table

__all__ = ["check"]

NODE_PORTS = range(30000, 32768)
"""The node ports of a server that was started without --service-node-port-range."""
RAY_PORTS: dict[str, int] = {
    "gcs-server": 6379,
    "dashboard": 8265,
    "client": 10001,
    "metrics": 8080,
    "serve": 8000,
}
"""Ports that KubeRay adds to its pods."""


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield selectors that select nothing, and ports that lead nowhere."""
    templates = pods(bundle)
    for service in bundle.of("Service"):
        yield from _node_ports(service)
        selector = service.get("spec.selector")
        if strings(selector) and service.get("spec.type") != "ExternalName":
            chosen = selecting(selector, templates, service.namespace)
            if chosen:
                yield from _targets(service, chosen)
            else:
                yield service.finding("SLW302", "spec.selector", f"no pod carries {_shown(selector)}")
    for policy in bundle.of("NetworkPolicy"):
        # Its pods may come later, such as trainings that people submit.
        if not bundle.declared("pods", policy.name):
            yield from _policy(policy, templates)
    for budget in bundle.of("PodDisruptionBudget"):
        selector = budget.get("spec.selector")
        if not selecting(selector, templates, budget.namespace):
            yield budget.finding("SLW407", "spec.selector", f"no pod matches {_shown(selector)}")
    for monitor in bundle.of("ServiceMonitor", "PodMonitor"):
        yield from _monitor(monitor, bundle, templates)


def _node_ports(service: Resource) -> Iterator[Finding]:
    """Yield node ports that a server with the default range refuses when the Service is really created."""
    for i, port in entries(service.get("spec.ports")):
        number = port.get("nodePort")
        if isinstance(number, int) and number and number not in NODE_PORTS:
            message = f"provided port is not in the valid range: {NODE_PORTS[0]}-{NODE_PORTS[-1]}"
            yield service.finding("SLW311", join("spec.ports", i) + ".nodePort", message)


def _targets(service: Resource, chosen: list[PodTemplate]) -> Iterator[Finding]:
    names, numbers = _declared(chosen)
    adds = _runtime_decides(chosen)
    for i, port in entries(service.get("spec.ports")):
        target = port.get("targetPort")
        at = join("spec.ports", i) + ".targetPort"
        # A process may listen on a number that its container does not declare; a name must be declared.
        if isinstance(target, str) and not port_problem(target) and target not in names and not adds:
            known = ", ".join(sorted(map(str, names | numbers))) or "none"
            yield service.finding("SLW303", at, f"{target!r} is not a port of the pods (they declare {known})")


def _declared(chosen: list[PodTemplate]) -> tuple[set[str], set[int]]:
    names: set[str] = set()
    numbers: set[int] = set()
    for template in chosen:
        if template.role in ("head", "worker"):
            names |= set(RAY_PORTS)
            numbers |= set(RAY_PORTS.values())
        for _, container, _ in containers(template):
            for _, port in entries(container.get("ports")):
                names |= {port["name"]} if isinstance(port.get("name"), str) else set()
                numbers |= {port["containerPort"]} if isinstance(port.get("containerPort"), int) else set()
    return names, numbers


def _runtime_decides(chosen: list[PodTemplate]) -> bool:
    """Return whether a runtime decides the ports of the pods, as for an InferenceService."""
    return any(template.owner.kind == "InferenceService" for template in chosen)


def _policy(policy: Resource, templates: list[PodTemplate]) -> Iterator[Finding]:
    selector = policy.get("spec.podSelector")
    chosen = selecting(selector, templates, policy.namespace)
    if table(selector) and not chosen:
        yield policy.finding("SLW304", "spec.podSelector", f"no pod matches {_shown(selector)}")
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for i, rule in entries(policy.get(f"spec.{direction}")):
            at = join(f"spec.{direction}", i)
            for j, peer in entries(rule.get(side)):
                own = dig(peer, "podSelector")
                # With a namespaceSelector, the pods are not in these manifests.
                if (
                    table(own)
                    and "namespaceSelector" not in peer
                    and not selecting(own, templates, policy.namespace)
                ):
                    place = join(f"{at}.{side}", j) + ".podSelector"
                    yield policy.finding("SLW305", place, f"no pod matches {_shown(own)}")
            if direction == "ingress" and chosen:
                yield from _admitted(policy, at, rule, chosen)


def _admitted(policy: Resource, at: str, rule: dict[str, Any], chosen: list[PodTemplate]) -> Iterator[Finding]:
    names, _ = _declared(chosen)
    if _runtime_decides(chosen):
        return
    for k, port in entries(rule.get("ports")):
        name = port.get("port")
        if isinstance(name, str) and name not in names:
            place = join(f"{at}.ports", k) + ".port"
            yield policy.finding("SLW305", place, f"the pods have no port {name!r}")


def _monitor(monitor: Resource, bundle: Bundle, templates: list[PodTemplate]) -> Iterator[Finding]:
    selector = monitor.get("spec.selector")
    if monitor.kind == "PodMonitor":
        chosen = selecting(selector, templates, monitor.namespace)
        names: set[str] = _declared(chosen)[0]
        key, adds = "podMetricsEndpoints", _runtime_decides(chosen)
    else:
        services = [item for item in bundle.of("Service") if _selects(selector, item)]
        chosen, key, adds = [_as_template(item) for item in services], "endpoints", False
        names = {str(port.get("name")) for item in services for _, port in entries(item.get("spec.ports"))}
    outside = table(monitor.get("spec.namespaceSelector"))
    if not chosen:
        if not outside and not bundle.declared("service", monitor.name):
            yield monitor.finding("SLW308", "spec.selector", f"nothing matches {_shown(selector)}", "warning")
        return
    for i, endpoint in entries(monitor.get(f"spec.{key}")):
        port = endpoint.get("port")
        if isinstance(port, str) and port not in names and not adds:
            message = f"there is no port {port!r} (there are {', '.join(sorted(names)) or 'none'})"
            yield monitor.finding("SLW308", join(f"spec.{key}", i) + ".port", message)


def _selects(selector: Any, service: Resource) -> bool:
    return matches(selector, _as_template(service))


def _as_template(service: Resource) -> PodTemplate:
    """Return the Service's own labels as a template, so that selectors can match them."""
    labels = strings(service.get("metadata.labels"))
    return PodTemplate(service, "", {}, labels, frozenset(), "service")


def _shown(selector: Any) -> str:
    chosen = table(selector)
    labels = strings(chosen.get("matchLabels")) or strings(chosen)
    return ", ".join(f"{key}={text}" for key, text in labels.items()) or "the selector"
