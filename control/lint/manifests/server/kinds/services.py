"""Services."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import (
    cidr_problems,
    dns_label,
    ip_problems,
    port_number,
    qualified_name,
    service_name,
    subdomain,
)
from control.lint.manifests.server.meta import labels, metadata
from control.lint.manifests.server.pods.handlers import port as port_reference
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

__all__ = ["service"]

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_POLICY = ("Cluster", "Local")
_FAMILIES = ("IPv4", "IPv6")
_VALUES = {
    "internalTrafficPolicy": _POLICY,
    "ipFamilyPolicy": ("PreferDualStack", "RequireDualStack", "SingleStack"),
    "sessionAffinity": ("ClientIP", "None"),
    "trafficDistribution": ("PreferClose", "PreferSameNode", "PreferSameZone"),
}
_LONGEST_AFFINITY = 86400
_ONLY_BALANCED = "may only be used when `type` is 'LoadBalancer'"
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"


def service(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a Service."""
    spec = table(body.get("spec"))
    kind, headless = spec.get("type") or "ClusterIP", spec.get("clusterIP") == "None"
    yield from metadata(body, service_name)
    if kind not in _TYPES:
        yield unsupported("spec.type", kind, _TYPES)
    yield from one_of({name: value for name, value in spec.items() if value != ""}, "spec", _VALUES)
    if not spec.get("ports") and not headless and kind != "ExternalName":
        yield required("spec.ports")
    yield from _ports(spec, kind)
    yield from labels(spec.get("selector"), "spec.selector")
    yield from _affinity(spec)
    yield from _addresses(spec, kind, headless)
    yield from _balancer(body, spec, kind)
    yield from _traffic(spec, kind)


def _ports(spec: dict[str, Any], kind: str) -> Iterator[Refusal]:
    ports = entries(spec.get("ports"))
    names: set[str] = set()
    numbers: set[tuple[Any, Any]] = set()
    nodes: set[tuple[Any, Any]] = set()
    for i, port in ports:
        at = join("spec.ports", i)
        yield from _port(port, len(ports) > 1, names, at)
        protocol, node = port.get("protocol") or "TCP", whole(port.get("nodePort")) or 0
        if node and kind == "ClusterIP":
            yield forbidden(join(at, "nodePort"), "may not be used when `type` is 'ClusterIP'")
        if node and (protocol, node) in nodes:
            yield duplicate(join(at, "nodePort"), node)
        nodes.add((protocol, node))
        key = (protocol, whole(port.get("port")))
        if key in numbers:
            yield duplicate(at, {"Protocol": protocol, "Port": port.get("port")})
        numbers.add(key)


def _port(port: dict[str, Any], named: bool, names: set[str], at: str) -> Iterator[Refusal]:
    name, number = str(port.get("name") or ""), whole(port.get("port")) or 0
    if name:
        yield from each(join(at, "name"), name, dns_label(name))
        if name in names:
            yield duplicate(join(at, "name"), name)
        names.add(name)
    elif named:
        yield required(join(at, "name"))
    yield from each(join(at, "port"), number, port_number(number))
    if port.get("protocol") and port["protocol"] not in _PROTOCOLS:
        yield unsupported(join(at, "protocol"), port["protocol"], _PROTOCOLS)
    # Without a target the server takes the port itself.
    if port.get("targetPort"):
        yield from port_reference(port["targetPort"], join(at, "targetPort"))
    if port.get("appProtocol") is not None:
        yield from each(join(at, "appProtocol"), port["appProtocol"], qualified_name(str(port["appProtocol"])))


def _affinity(spec: dict[str, Any]) -> Iterator[Refusal]:
    config, at = spec.get("sessionAffinityConfig"), "spec.sessionAffinityConfig"
    if spec.get("sessionAffinity") == "ClientIP":
        seconds = whole(table(table(config).get("clientIP")).get("timeoutSeconds"))
        if seconds is not None and not 0 < seconds <= _LONGEST_AFFINITY:
            reason = f"must be greater than 0 and less than {_LONGEST_AFFINITY}"
            yield invalid(f"{at}.clientIP.timeoutSeconds", seconds, reason)
    elif config is not None:
        yield forbidden(at, "must not be set when session affinity is None")


def _addresses(spec: dict[str, Any], kind: str, headless: bool) -> Iterator[Refusal]:
    given = str(spec.get("clusterIP") or "")
    if headless and kind in ("LoadBalancer", "NodePort"):
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if given and not headless and ip_problems(given):
        yield invalid("spec.clusterIPs[0]", given, "must be a valid IP address")
    families = spec.get("ipFamilies") or []
    for i, family in enumerate(families):
        if family not in _FAMILIES:
            yield unsupported(join("spec.ipFamilies", i), family, _FAMILIES)
        if family in families[:i]:
            yield duplicate(join("spec.ipFamilies", i), family)
    listed = spec.get("clusterIPs") or []
    if listed and given and listed[0] != given:
        yield invalid("spec.clusterIPs", listed, "first value must match `clusterIP`")
    if kind == "ExternalName":
        yield from _external(spec, given)
    for i, address in enumerate(spec.get("externalIPs") or ()):
        yield from _outside(str(address), join("spec.externalIPs", i))


def _external(spec: dict[str, Any], given: str) -> Iterator[Refusal]:
    if given or spec.get("clusterIPs"):
        yield forbidden("spec.clusterIPs", "may not be set for ExternalName services")
    for name in ("ipFamilies", "ipFamilyPolicy"):
        if spec.get(name):
            yield forbidden(f"spec.{name}", "may not be set for ExternalName services")
    host = str(spec.get("externalName") or "").removesuffix(".")
    if host:
        yield from each("spec.externalName", host, subdomain(host))
    else:
        yield required("spec.externalName")


def _outside(text: str, at: str) -> Iterator[Refusal]:
    problems = ip_problems(text)
    yield from each(at, text, problems)
    if problems:
        return
    address = ipaddress.ip_address(text)
    if address.is_unspecified:
        yield invalid(at, text, f"may not be unspecified ({text})")
    if address.is_loopback:
        yield invalid(at, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        yield invalid(at, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")


def _balancer(body: dict[str, Any], spec: dict[str, Any], kind: str) -> Iterator[Refusal]:
    ranges, at = spec.get("loadBalancerSourceRanges") or [], "spec.LoadBalancerSourceRanges"
    noted = table(table(body.get("metadata")).get("annotations")).get(_RANGES)
    if not ranges and isinstance(noted, str):
        at = f"metadata.annotations[{_RANGES}]"
        ranges = noted.split(",") if noted.strip() else []
        if kind != "LoadBalancer":
            yield forbidden(at, _ONLY_BALANCED)
    elif ranges and kind != "LoadBalancer":
        yield forbidden(at, _ONLY_BALANCED)
    for i, text in enumerate(ranges):
        yield from each(join(at, i), str(text).strip(), cidr_problems(str(text).strip()))
    if spec.get("allocateLoadBalancerNodePorts") is not None and kind != "LoadBalancer":
        yield forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_BALANCED)
    chosen = spec.get("loadBalancerClass")
    if chosen is not None:
        if kind != "LoadBalancer":
            yield forbidden("spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'")
        yield from each("spec.loadBalancerClass", chosen, qualified_name(str(chosen)))


def _traffic(spec: dict[str, Any], kind: str) -> Iterator[Refusal]:
    policy, at = spec.get("externalTrafficPolicy"), "spec.externalTrafficPolicy"
    reachable = kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))
    if policy and not reachable:
        yield invalid(at, policy, "may only be set for externally-accessible services")
    elif policy and policy not in _POLICY:
        yield unsupported(at, policy, _POLICY)
    health = whole(spec.get("healthCheckNodePort")) or 0
    if health and not (kind == "LoadBalancer" and policy == "Local"):
        reason = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield invalid("spec.healthCheckNodePort", health, reason)
