"""Containers: image, resources, probes, ports, mounts, variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.pods import PodTemplate, containers, pods
from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.resource import Bundle
from control.lint.manifests.objects.tree import dig, entries, join, plain, table
from control.lint.manifests.server.check import covers

__all__ = ["check"]

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
SHARED = ("cpu", "memory", "ephemeral-storage")
"""Resources whose request may be below the limit. For all others, the request must equal the limit."""


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield the mistakes in single containers."""
    for template in pods(bundle):
        for path, container, first in containers(template):
            if not covers(template.owner.body):
                yield from _image(template, path, container)
                yield from _resources(template, path, container)
                yield from _handlers(template, path, container)
                yield from _mounts(template, path, container)
                yield from _variables(template, path, container)
            yield from _fractions(template, path, container)
            yield from _limits(template, path, container)
            yield from _probes(template, path, container, first)


def _image(template: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Finding]:
    image = container.get("image")
    # Beside `model`, a container of that name only extends the runtime's container.
    borrowed = "model" in template.spec and container.get("name") == "kserve-container"
    if (not isinstance(image, str) or not image.strip()) and not borrowed:
        name = container.get("name", "")
        yield template.owner.finding("SLW209", join(path, "image"), f"the container {name} has no image")


def _resources(template: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Finding]:
    owner, at = template.owner, join(path, "resources")
    requests, limits = (table(dig(container, f"resources.{key}")) for key in ("requests", "limits"))
    for kind, given in (("requests", requests), ("limits", limits)):
        for name, value in given.items():
            number = parse(value)
            if number is None or number < 0:
                yield owner.finding("SLW203", f"{at}.{kind}.{name}", f"{value!r} is not a quantity")
    for name, value in requests.items():
        number, most = parse(value), parse(limits.get(name))
        if number is None:
            continue
        if name not in SHARED and number != most:
            message = f"{name}: the request is {value}, the limit {limits.get(name, 'not set')}"
            yield owner.finding("SLW210", f"{at}.limits.{name}", message)
        elif most is not None and number > most:
            yield owner.finding("SLW207", f"{at}.requests.{name}", f"{name}: {value} is above {limits[name]}")


def _fractions(template: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Finding]:
    """Yield parts of a byte, such as `512m`, of which the API server only warns."""
    for kind in ("requests", "limits"):
        for name, value in table(dig(container, f"resources.{kind}")).items():
            number = parse(value)
            if name in SHARED[1:] and number is not None and number != number.to_integral_value():
                message = f'fractional byte value "{value}" is invalid, must be an integer'
                yield template.owner.finding("SLW203", f"{path}.resources.{kind}[{name}]", message, "warning")


def _limits(template: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Finding]:
    requests, limits = (table(dig(container, f"resources.{key}")) for key in ("requests", "limits"))
    missing = [] if "memory" in limits else ["limits.memory"]
    missing += [] if "cpu" in requests or "cpu" in limits else ["requests.cpu"]
    if missing:
        at = join(path, "resources")
        yield template.owner.finding(
            "SLW213", at, f"the container {container.get('name', '')} has no {' and no '.join(missing)}"
        )


def _handlers(template: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Finding]:
    for name in PROBES:
        probe = container.get(name)
        given = [handler for handler in HANDLERS if table(probe).get(handler) is not None]
        if isinstance(probe, dict) and len(given) != 1:
            shown = ", ".join(given) or "none"
            yield template.owner.finding("SLW206", join(path, name), f"{name} has {shown}")


def _probes(template: PodTemplate, path: str, container: dict[str, Any], first: bool) -> Iterator[Finding]:
    for name in PROBES:
        probe = container.get(name)
        if isinstance(probe, dict):
            yield from _probe_port(template, path, container, name, probe)
    # KubeRay adds probes to the first container of its pods, and KServe to its own containers.
    given_by_operator = (template.role in ("head", "worker") and path.endswith("containers[0]")) or (
        template.owner.kind == "InferenceService"
    )
    # A sidecar among the init containers ends with the pod, and need not say when it is ready.
    sidecar = "initContainers[" in path
    if first or sidecar or template.runs == "job" or given_by_operator:
        return
    missing = [name for name in PROBES[:2] if name not in container]
    if missing:
        name = container.get("name", "")
        yield template.owner.finding("SLW214", path, f"the container {name} has no {' and no '.join(missing)}")


def _probe_port(
    template: PodTemplate, path: str, container: dict[str, Any], name: str, probe: dict[str, Any]
) -> Iterator[Finding]:
    """Check named ports: a probe may only name a port of its own container, but it may use any number."""
    named = {plain(port.get("name")) for _, port in entries(container.get("ports"))}
    for handler in ("httpGet", "tcpSocket"):
        port = dig(probe, f"{handler}.port")
        if isinstance(port, str) and port not in named:
            at = f"{join(path, name)}.{handler}.port"
            yield template.owner.finding("SLW303", at, f"the container has no port {port!r}")


def _mounts(template: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Finding]:
    volumes = {plain(volume.get("name")) for _, volume in entries(template.spec.get("volumes"))}
    volumes |= {
        plain(dig(claim, "metadata.name")) for _, claim in entries(template.owner.get("spec.volumeClaimTemplates"))
    }
    seen: set[str] = set()
    for i, mount in entries(container.get("volumeMounts")):
        at = join(join(path, "volumeMounts"), i)
        if plain(mount.get("name")) not in volumes:
            yield template.owner.finding("SLW208", f"{at}.name", f"there is no volume {mount.get('name')!r}")
        where = str(mount.get("mountPath"))
        if where in seen:
            yield template.owner.finding("SLW211", f"{at}.mountPath", f"{where} is mounted twice")
        seen.add(where)


def _variables(template: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Finding]:
    for i, item in entries(container.get("env")):
        if item.get("value") and item.get("valueFrom"):
            at = join(join(path, "env"), i)
            yield template.owner.finding("SLW217", at, f"{item.get('name')} has both value and valueFrom")
