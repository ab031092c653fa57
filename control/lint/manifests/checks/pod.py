"""Pods of custom resources, which an operator creates: what the API server will refuse then. Ports of all pods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.pods import PodTemplate, containers, matches, pods
from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import entries, every, join, plain, table
from control.lint.manifests.server.check import covers

__all__ = ["check", "port_problem"]

PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
POD_VALUES = {
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "preemptionPolicy": ("PreemptLowerPriority", "Never"),
    "containers[*].imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "initContainers[*].imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "containers[*].ports[*].protocol": ("TCP", "UDP", "SCTP"),
    "containers[*].terminationMessagePolicy": ("File", "FallbackToLogsOnError"),
    "containers[*].securityContext.seccompProfile.type": ("RuntimeDefault", "Unconfined", "Localhost"),
    "securityContext.seccompProfile.type": ("RuntimeDefault", "Unconfined", "Localhost"),
    "securityContext.fsGroupChangePolicy": ("OnRootMismatch", "Always"),
    "tolerations[*].operator": ("Exists", "Equal", "Lt", "Gt"),
    "tolerations[*].effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    "topologySpreadConstraints[*].whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
}
"""Path in a pod's spec -> allowed values."""
QUANTITIES = ("volumes[*].emptyDir.sizeLimit", "overhead.cpu", "overhead.memory")


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield the mistakes in pods."""
    for template in pods(bundle):
        yield from _repeated(template)
        if not covers(template.owner.body):
            yield from _lists(template)
            yield from _ports(template)
            yield from _values(template)
    for rollout in bundle.of("Rollout"):
        yield from _selector(rollout)


def port_problem(port: Any) -> str:
    """Return why the name or number of a port is not allowed, or an empty text."""
    if isinstance(port, str):
        good = len(port) <= 15 and PORT_NAME.fullmatch(port)
        return "" if good else f"{port!r} is not a valid port name"
    if isinstance(port, int) and not isinstance(port, bool) and 1 <= port <= 65535:
        return ""
    return f"{port!r} is not a port number (1 to 65535)"


def _lists(template: PodTemplate) -> Iterator[Finding]:
    seen: set[str] = set()
    for path, container, _ in containers(template):
        name = str(container.get("name"))
        if name in seen:
            yield template.owner.finding("SLW211", join(path, "name"), f"two containers have the name {name}")
        seen.add(name)
    volumes: set[str] = set()
    for i, volume in entries(template.spec.get("volumes")):
        name = str(volume.get("name"))
        if name in volumes:
            at = join(join(join(template.path, "volumes"), i), "name")
            yield template.owner.finding("SLW211", at, f"two volumes have the name {name}")
        volumes.add(name)


def _ports(template: PodTemplate) -> Iterator[Finding]:
    for path, container, _ in containers(template):
        names: set[str] = set()
        for i, port in entries(container.get("ports")):
            at = join(join(path, "ports"), i)
            number, name = port.get("containerPort"), port.get("name")
            problem = port_problem(number) or (port_problem(name) if name is not None else "")
            if problem:
                yield template.owner.finding("SLW212", at, problem)
            if name is not None and str(name) in names:
                yield template.owner.finding("SLW205", f"{at}.name", f"two ports have the name {name!r}")
            names.add(str(name))


def _repeated(template: PodTemplate) -> Iterator[Finding]:
    """Yield ports and variables that are given twice: the server accepts them with a warning."""
    numbers: set[tuple[Any, Any]] = set()
    for path, container, first in containers(template):
        for i, port in entries(container.get("ports")):
            key = (plain(port.get("containerPort")), plain(port.get("protocol", "TCP")))
            if key in numbers and not first:
                at = join(join(path, "ports"), i)
                yield template.owner.finding(
                    "SLW219", f"{at}.containerPort", f"two ports have the number {key[0]}"
                )
            numbers.add(key)
        seen: set[str] = set()
        for i, item in entries(container.get("env")):
            name = str(item.get("name"))
            if name in seen:
                at = join(join(join(path, "env"), i), "name")
                yield template.owner.finding("SLW219", at, f"the variable {name} is set twice")
            seen.add(name)


def _values(template: PodTemplate) -> Iterator[Finding]:
    for pattern, allowed in POD_VALUES.items():
        for path, value in every(template.spec, pattern):
            if value not in allowed:
                message = f"{value!r} is not one of {', '.join(allowed)}"
                yield template.owner.finding("SLW204", join(template.path, path), message)
    for pattern in QUANTITIES:
        yield from _quantities(template.owner, template.spec, pattern, template.path)


def _quantities(owner: Resource, body: Any, pattern: str, base: str) -> Iterator[Finding]:
    for path, value in every(body, pattern):
        number = parse(value)
        if number is None or number < 0:
            yield owner.finding("SLW203", join(base, path), f"{value!r} is not a quantity")


def _selector(resource: Resource) -> Iterator[Finding]:
    selector = resource.get("spec.selector")
    for template in pods(Bundle([resource])):
        if not table(selector):
            yield resource.finding("SLW301", "spec.selector", "there is no selector")
        elif not matches(selector, template):
            shown = ", ".join(f"{key}={text}" for key, text in template.labels.items()) or "none"
            yield resource.finding("SLW301", "spec.selector", f"the labels of the pods are {shown}")
