"""Services and their endpoints."""

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

__all__ = ["endpoint_slice", "endpoints", "older_service", "service"]

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
_LOCAL_GROUPS = (ipaddress.ip_network("224.0.0.0/24"), ipaddress.ip_network("ff02::/16"))
_ONLY_BALANCED = "may only be used when `type` is 'LoadBalancer'"
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"


def service(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a Service."""
    spec = table(body.get("spec"))
    kind, headless = spec.get("type") or "ClusterIP", spec.get("clusterIP") == "None"
    # Since Kubernetes 1.36, the name may begin with a digit.
    yield from metadata(body, dns_label)
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


def endpoints(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check an Endpoints."""
    yield from metadata(body, subdomain)
    for i, subset in entries(body.get("subsets")):
        at, ports = join("subsets", i), entries(subset.get("ports"))
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield required(at, "must specify `addresses` or `notReadyAddresses`")
        for part in ("addresses", "notReadyAddresses"):
            for j, address in entries(subset.get(part)):
                yield from _outside(str(address.get("ip") or ""), join(join(join(at, part), j), "ip"))
        for j, port in ports:
            yield from _endpoint_port(port, len(ports) > 1, join(join(at, "ports"), j))


def endpoint_slice(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check an EndpointSlice."""
    yield from metadata(body, subdomain)
    kind = body.get("addressType")
    if not kind:
        yield required("addressType")
    elif kind not in (*_FAMILIES, "FQDN"):
        yield unsupported("addressType", kind, ("FQDN", *_FAMILIES))
    for i, endpoint in entries(body.get("endpoints")):
        at, addresses = join(join("endpoints", i), "addresses"), endpoint.get("addresses") or []
        if not addresses:
            yield required(at, "must contain at least 1 address")
        for j, address in enumerate(addresses):
            text, place = str(address), join(at, j)
            if kind in _FAMILIES and not ip_problems(text) and (":" in text) != (kind == "IPv6"):
                yield invalid(place, text, f"must be an {kind} address")
            elif kind in _FAMILIES:
                yield from _outside(text, place)
            elif kind == "FQDN":
                yield from each(place, text, subdomain(text))


def _endpoint_port(port: dict[str, Any], named: bool, at: str) -> Iterator[Refusal]:
    name, number = str(port.get("name") or ""), whole(port.get("port")) or 0
    if named and not name:
        yield required(join(at, "name"))
    yield from each(join(at, "name"), name, dns_label(name) if name else ())
    yield from each(join(at, "port"), number, port_number(number))
    yield from one_of(port, at, {"protocol": _PROTOCOLS})


def older_service(body: dict[str, Any]) -> Iterator[Refusal]:
    """Yield what servers before 1.36 refuse in a Service."""
    name = str(table(body.get("metadata")).get("name") or "")
    if name and not dns_label(name):
        yield from each("metadata.name", name, service_name(name))


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
    yield from _listed(spec, given)
    if kind == "ExternalName":
        yield from _external(spec, given)
    for i, address in enumerate(spec.get("externalIPs") or ()):
        yield from _outside(str(address), join("spec.externalIPs", i))


def _listed(spec: dict[str, Any], given: str) -> Iterator[Refusal]:
    """Check the list of addresses, which has one of each family at most."""
    listed, at = [str(text) for text in spec.get("clusterIPs") or ()], "spec.clusterIPs"
    # Without clusterIP, the server takes the first one.
    if listed and given and listed[0] != given:
        yield invalid(at, listed, "first value must match `clusterIP`")
    if len(listed) > 2:
        yield invalid(at, listed, "may only hold up to 2 values")
    if "None" in listed and len(listed) > 1:
        yield invalid(at, listed, "'None' must be the first and only value")
        return
    problems = [each(join(at, i), text, ip_problems(text)) for i, text in enumerate(listed) if text != "None"]
    wrong = [refusal for found in problems for refusal in found]
    yield from wrong
    if len(listed) > 1 and not wrong and len({":" in text for text in listed}) < len(listed):
        yield invalid(at, listed, "may specify no more than one IP for each IP family")


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
    if any(address in block for block in _LOCAL_GROUPS if block.version == address.version):
        yield invalid(at, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


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
