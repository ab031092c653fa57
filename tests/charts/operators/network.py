"""Which connections network policies allow, as the API defines it: a selected pod may do what a rule says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Pod", "allowed", "matches"]


@dataclass(frozen=True)
class Pod:
    """A pod as policies, Services and monitors see it; one of another namespace has no containers here."""

    name: str
    labels: Mapping[str, str]
    namespace: str = "slipway"
    containers: Sequence[Mapping[str, Any]] = field(default_factory=tuple, compare=False)
    address: str = "10.0.0.1"

    @property
    def ports(self) -> dict[str, int]:
        """Name -> number of the containers' ports."""
        found = [port for container in self.containers for port in container.get("ports", ())]
        return {port["name"]: port["containerPort"] for port in found}


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector, with matchLabels and matchExpressions, selects labels; an empty one takes all."""
    if selector is None:
        return False
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    for one in selector.get("matchExpressions", ()):
        there, value = one["key"] in labels, labels.get(one["key"])
        held = {
            "In": there and value in one.get("values", ()),
            "NotIn": value not in one.get("values", ()),
            "Exists": there,
            "DoesNotExist": not there,
        }
        if not held[one["operator"]]:
            return False
    return True


def allowed(policies: Iterable[Mapping[str, Any]], source: Pod, target: Pod, port: int) -> bool:
    """Whether a TCP connection from `source` to a port of `target` passes the policies of both."""
    listed = list(policies)
    leaves = _passes(listed, "Egress", source, target, target, port)
    return leaves and _passes(listed, "Ingress", target, source, target, port)


def _passes(
    policies: Sequence[Mapping[str, Any]], direction: str, pod: Pod, peer: Pod, target: Pod, port: int
) -> bool:
    """Whether one side's policies let the connection through; a pod that no policy selects is open."""
    own = [
        policy["spec"]
        for policy in policies
        if policy["metadata"]["namespace"] == pod.namespace
        and matches(policy["spec"]["podSelector"], pod.labels)
        and direction in policy["spec"]["policyTypes"]
    ]
    rules = [rule for spec in own for rule in spec.get(direction.lower(), ())]
    side = "from" if direction == "Ingress" else "to"
    return not own or any(
        _has_peer(rule.get(side), pod, peer) and _has_port(rule.get("ports"), target, port) for rule in rules
    )


def _has_peer(peers: Sequence[Mapping[str, Any]] | None, pod: Pod, other: Pod) -> bool:
    """No list is everybody."""
    return not peers or any(_is_peer(peer, pod, other) for peer in peers)


def _is_peer(peer: Mapping[str, Any], pod: Pod, other: Pod) -> bool:
    if "ipBlock" in peer:
        return ipaddress.ip_address(other.address) in ipaddress.ip_network(peer["ipBlock"]["cidr"])
    if "namespaceSelector" in peer:
        there = matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
        return there and matches(peer.get("podSelector", {}), other.labels)
    return other.namespace == pod.namespace and matches(peer.get("podSelector"), other.labels)


def _has_port(ports: Sequence[Mapping[str, Any]] | None, target: Pod, port: int) -> bool:
    """A name is that of a port of the target's containers."""
    numbers = {
        target.ports.get(one["port"]) if isinstance(one["port"], str) else one["port"] for one in ports or ()
    }
    return not ports or port in numbers
