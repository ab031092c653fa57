"""Ingresses and IngressClasses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import (
    dns_label,
    ip_problems,
    path_segment,
    port_name,
    port_number,
    subdomain,
    wildcard_subdomain,
)
from control.lint.manifests.server.meta import metadata
from control.lint.manifests.server.refusal import (
    Refusal,
    each,
    invalid,
    required,
    unsupported,
    whole,
)

__all__ = ["ingress", "ingress_class"]

_CLASS = "kubernetes.io/ingress.class"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_NOT_INSIDE = ("//", "/./", "/../", "%2f", "%2F")
_NOT_LAST = ("/..", "/.")


def ingress(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check an Ingress."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain)
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        yield invalid("spec", spec.get("rules"), "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend") is not None:
        yield from _backend(table(spec["defaultBackend"]), "spec.defaultBackend")
    for i, rule in entries(spec.get("rules")):
        yield from _rule(rule, join("spec.rules", i))
    for i, item in entries(spec.get("tls")):
        at = join("spec.tls", i)
        for j, host in enumerate(item.get("hosts") or ()):
            yield from each(join(join(at, "hosts"), j), host, _host(str(host)))
        if item.get("secretName"):
            yield from each(join(at, "secretName"), item["secretName"], subdomain(str(item["secretName"])))
    name, noted = spec.get("ingressClassName"), table(table(body.get("metadata")).get("annotations")).get(_CLASS)
    if name is not None:
        yield from each("spec.ingressClassName", name, subdomain(str(name)))
        if noted is not None and noted != name:
            reason = "must match `ingressClassName` when both are specified"
            yield invalid(f"annotations.{_CLASS}", noted, reason)


def ingress_class(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check an IngressClass."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain, namespaced=False)
    controller = str(spec.get("controller") or "")
    if not controller:
        yield required("spec.controller")
    elif "/" not in controller:
        yield invalid("spec.controller", controller, 'must be a domain-prefixed path (such as "acme.io/foo")')
    parameters = spec.get("parameters")
    if isinstance(parameters, dict):
        for name in ("kind", "name"):
            if not parameters.get(name):
                yield required(f"spec.parameters.{name}")
        scope = parameters.get("scope") or "Cluster"
        if scope not in ("Cluster", "Namespace"):
            yield unsupported("spec.parameters.scope", scope, ("Cluster", "Namespace"))
        elif scope == "Namespace" and not parameters.get("namespace"):
            yield required("spec.parameters.namespace", "`parameters.scope` is set to 'Namespace'")


def _host(host: str) -> list[str]:
    return wildcard_subdomain(host) if "*" in host else subdomain(host)


def _rule(rule: dict[str, Any], at: str) -> Iterator[Refusal]:
    host = str(rule.get("host") or "")
    if host:
        if not ip_problems(host):
            yield invalid(join(at, "host"), host, "must be a DNS name, not an IP address")
        yield from each(join(at, "host"), host, _host(host))
    if rule.get("http") is None:
        return
    place, paths = join(at, "http.paths"), entries(table(rule["http"]).get("paths"))
    if not paths:
        yield required(place)
    for i, path in paths:
        yield from _path(path, join(place, i))


def _path(path: dict[str, Any], at: str) -> Iterator[Refusal]:
    kind, value, place = path.get("pathType"), str(path.get("path") or ""), join(at, "path")
    if kind is None:
        yield required(join(at, "pathType"), "pathType must be specified")
        return
    if kind not in _PATH_TYPES:
        yield unsupported(join(at, "pathType"), kind, _PATH_TYPES)
    elif (value or kind != "ImplementationSpecific") and not value.startswith("/"):
        yield invalid(place, value, "must be an absolute path")
    if kind in ("Exact", "Prefix"):
        for part in _NOT_INSIDE:
            if part in value:
                yield invalid(place, value, f"must not contain '{part}'")
        for part in _NOT_LAST:
            if value.endswith(part):
                yield invalid(place, value, f"cannot end with '{part}'")
    yield from _backend(table(path.get("backend")), join(at, "backend"))


def _backend(backend: dict[str, Any], at: str) -> Iterator[Refusal]:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        yield invalid(at, "", "cannot set both resource and service backends")
    elif isinstance(resource, dict):
        for name in ("kind", "name"):
            value = str(resource.get(name) or "")
            if value:
                yield from each(join(at, f"resource.{name}"), value, path_segment(value))
            else:
                yield required(join(at, f"resource.{name}"))
    elif isinstance(service, dict):
        yield from _service(service, at)
    else:
        yield invalid(at, "", "resource or service backend is required")


def _service(service: dict[str, Any], at: str) -> Iterator[Refusal]:
    name, port = str(service.get("name") or ""), table(service.get("port"))
    if name:
        yield from each(join(at, "service.name"), name, dns_label(name))
    else:
        yield required(join(at, "service.name"))
    named, number = str(port.get("name") or ""), whole(port.get("number")) or 0
    if named and number:
        yield invalid(at, "", "cannot set both port name & port number")
    elif named:
        yield from each(join(at, "service.port.name"), named, port_name(named))
    elif number:
        yield from each(join(at, "service.port.number"), number, port_number(number))
    else:
        yield required(at, "port name or number is required")
