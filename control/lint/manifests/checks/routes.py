"""Ingresses and Gateway API routes, and the Services that they lead to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.services import reached
from control.lint.manifests.objects.tree import dig, entries, join, plain

__all__ = ["check"]

ANNOTATED = "use-annotation"
"""The port of a backend that AWS's load balancer controller describes in an annotation."""


def check(bundle: Bundle) -> Iterator[Finding]:
    """Check backends, weights and hosts."""
    yield from _shared_hosts(bundle)
    for ingress in bundle.of("Ingress"):
        yield from _ingress(ingress, bundle)
    for route in bundle.of("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"):
        for i, rule in entries(route.get("spec.rules")):
            at = join("spec.rules", i)
            backends = entries(rule.get("backendRefs"))
            for j, backend in backends:
                yield from _backend(route, bundle, join(f"{at}.backendRefs", j), backend)
            if backends and not any(backend.get("weight", 1) for _, backend in backends):
                yield route.finding("SLW309", f"{at}.backendRefs", "every backend has the weight 0")


def _shared_hosts(bundle: Bundle) -> Iterator[Finding]:
    for route in bundle.of("GRPCRoute"):
        for other in bundle.of("HTTPRoute"):
            common = sorted({a for a in _hosts(route) for b in _hosts(other) if _meet(a, b)})
            if common and _parents(route) & _parents(other):
                yield route.finding("SLW310", "spec.hostnames", f"{other.label} has {', '.join(common)} too")


def _hosts(route: Resource) -> list[str]:
    """Return the hosts of a route. A route without hosts has those of its listener."""
    given = route.get("spec.hostnames")
    return [str(host) for host in given] if isinstance(given, list) and given else ["*"]


def _meet(one: str, other: str) -> bool:
    """Return whether two names match a common host. `*` matches any prefix, and alone any host."""
    pairs = ((one, other), (other, one))
    return one == other or any(a.startswith("*") and b.lstrip("*").endswith(a[1:]) for a, b in pairs)


def _parents(route: Resource) -> set[tuple[str, ...]]:
    keys = ("namespace", "name", "sectionName", "port")
    defaults = {"namespace": route.namespace}
    return {
        tuple(str((defaults | parent).get(key, "")) for key in keys)
        for _, parent in entries(route.get("spec.parentRefs"))
    }


def _ingress(ingress: Resource, bundle: Bundle) -> Iterator[Finding]:
    found: list[tuple[str, Any]] = [("spec.defaultBackend", ingress.get("spec.defaultBackend"))]
    for i, rule in entries(ingress.get("spec.rules")):
        for j, path in entries(dig(rule, "http.paths")):
            at = join(join("spec.rules", i) + ".http.paths", j)
            found.append((f"{at}.backend", path.get("backend")))
    for at, backend in found:
        name = dig(backend, "service.name")
        if isinstance(name, str):
            port = dig(backend, "service.port.number") or dig(backend, "service.port.name")
            yield from _reach(ingress, bundle, f"{at}.service", name, port, ingress.namespace)


def _backend(route: Resource, bundle: Bundle, at: str, backend: dict[str, Any]) -> Iterator[Finding]:
    name, port = backend.get("name"), backend.get("port")
    if backend.get("kind", "Service") == "Service" and not backend.get("group") and isinstance(name, str):
        namespace = str(backend.get("namespace") or route.namespace)
        yield from _reach(route, bundle, at, name, port, namespace)


def _reach(route: Resource, bundle: Bundle, at: str, name: str, port: Any, namespace: str) -> Iterator[Finding]:
    service = reached(bundle, name, namespace)
    if service is None:
        yield route.finding("SLW307", f"{at}.name", f"there is no Service {name}", "warning")
    elif service.ports is not None and port not in (None, ANNOTATED) and plain(port) not in service.ports:
        known = ", ".join(sorted(map(str, service.ports))) or "none"
        yield route.finding("SLW307", f"{at}.port", f"the Service {name} has no port {port} (it has {known})")
