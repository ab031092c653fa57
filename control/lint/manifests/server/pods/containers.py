"""The containers of a pod: names, images, ports and what belongs to one kind of container only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from control.lint.manifests.objects.tree import entries, join
from control.lint.manifests.server.formats import dns_label, ip_problems, port_name, port_number
from control.lint.manifests.server.pods.environment import variables
from control.lint.manifests.server.pods.handlers import lifecycle, probe
from control.lint.manifests.server.pods.mounts import devices, mounts
from control.lint.manifests.server.pods.resources import requirements
from control.lint.manifests.server.pods.security import of_container
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

__all__ = ["Pod", "containers"]

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_VALUES = {
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "terminationMessagePolicy": ("FallbackToLogsOnError", "File"),
}
_ONLY_ALWAYS = "may not be set for init containers without restartPolicy=Always"


@dataclass(frozen=True)
class Pod:
    """What the containers of a pod share."""

    spec: dict[str, Any]
    volumes: dict[str, dict[str, Any]]
    claims: frozenset[str]
    grace: int
    host_users: bool


def containers(pod: Pod, at: str) -> Iterator[Refusal]:
    """Check all containers of a pod."""
    regular, place = entries(pod.spec.get("containers")), join(at, "containers")
    if not regular:
        yield required(place)
    names: set[str] = set()
    for i, container in regular:
        yield from _common(pod, container, join(place, i))
        yield from _unique(container, names, join(place, i))
        yield from _running(pod, container, join(place, i))
    yield from _host_ports(regular, place)
    place = join(at, "initContainers")
    for i, container in entries(pod.spec.get("initContainers")):
        yield from _common(pod, container, join(place, i))
        yield from _unique(container, names, join(place, i))
        yield from _first(pod, container, join(place, i))
        yield from _host_ports([(i, container)], place)


def _common(pod: Pod, container: dict[str, Any], at: str) -> Iterator[Refusal]:
    name = str(container.get("name") or "")
    if name:
        yield from each(join(at, "name"), name, dns_label(name))
    else:
        yield required(join(at, "name"))
    if not container.get("image"):
        yield required(join(at, "image"))
    yield from one_of({k: v for k, v in container.items() if v != ""}, at, _VALUES)
    yield from _ports(container, at)
    yield from variables(container, at)
    yield from mounts(container, pod.volumes, at)
    yield from devices(container, pod.volumes, at)
    yield from requirements(container.get("resources"), join(at, "resources"), pod.claims)
    yield from _resize(pod, container, join(at, "resizePolicy"))
    yield from of_container(container, pod.host_users, at)


def _unique(container: dict[str, Any], names: set[str], at: str) -> Iterator[Refusal]:
    name = str(container.get("name") or "")
    if name and name in names:
        yield duplicate(join(at, "name"), name)
    names.add(name)


def _ports(container: dict[str, Any], at: str) -> Iterator[Refusal]:
    names: set[str] = set()
    for i, port in entries(container.get("ports")):
        place = join(join(at, "ports"), i)
        name = str(port.get("name") or "")
        problems = port_name(name) if name else []
        yield from each(join(place, "name"), name, problems)
        if name and not problems and name in names:
            yield duplicate(join(place, "name"), name)
        names.add(name)
        number, host = whole(port.get("containerPort")) or 0, whole(port.get("hostPort")) or 0
        if number == 0:
            yield required(join(place, "containerPort"))
        else:
            yield from each(join(place, "containerPort"), number, port_number(number))
        if host:
            yield from each(join(place, "hostPort"), host, port_number(host))
        if port.get("protocol") and port["protocol"] not in _PROTOCOLS:
            yield unsupported(join(place, "protocol"), port["protocol"], _PROTOCOLS)
        if port.get("hostIP"):
            yield from each(join(place, "hostIP"), port["hostIP"], ip_problems(port["hostIP"]))


def _host_ports(given: list[tuple[int, dict[str, Any]]], at: str) -> Iterator[Refusal]:
    seen: set[str] = set()
    for i, container in given:
        for j, port in entries(container.get("ports")):
            number = whole(port.get("hostPort")) or 0
            shown = f"{port.get('protocol') or 'TCP'}/{port.get('hostIP') or ''}/{number}"
            if number and shown in seen:
                yield duplicate(join(join(join(at, i), "ports"), j) + ".hostPort", shown)
            seen.add(shown)


def _running(pod: Pod, container: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from lifecycle(container.get("lifecycle"), pod.grace, join(at, "lifecycle"))
    for name in _PROBES:
        yield from probe(name, container.get(name), pod.grace, join(at, name))
    policy = container.get("restartPolicy")
    if policy is not None:
        # Since Kubernetes 1.35 a container may have its own policy.
        yield from one_of(container, at, {"restartPolicy": ("Always", "Never", "OnFailure")})


def _first(pod: Pod, container: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from one_of(container, at, {"restartPolicy": ("Always", "Never", "OnFailure")})
    if container.get("restartPolicy") == "Always":
        yield from _running(pod, {**container, "restartPolicy": None}, at)
        return
    for name in ("lifecycle", *_PROBES):
        if container.get(name) is not None:
            yield forbidden(join(at, name), _ONLY_ALWAYS)


def _resize(pod: Pod, container: dict[str, Any], at: str) -> Iterator[Refusal]:
    seen: set[str] = set()
    for i, item in entries(container.get("resizePolicy")):
        name, policy = str(item.get("resourceName") or ""), str(item.get("restartPolicy") or "")
        if name in seen:
            yield duplicate(join(at, i), name)
        seen.add(name)
        for value, allowed in ((name, ("cpu", "memory")), (policy, ("NotRequired", "RestartContainer"))):
            if not value:
                yield required(at)
            elif value not in allowed:
                yield unsupported(at, value, allowed)
        if pod.spec.get("restartPolicy") == "Never" and policy != "NotRequired":
            yield invalid(at, policy, "must be 'NotRequired' when `restartPolicy` is 'Never'")
