"""NetworkPolicies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import (
    cidr_problems,
    network,
    port_name,
    port_number,
    subdomain,
)
from control.lint.manifests.server.meta import metadata, selector
from control.lint.manifests.server.refusal import (
    Refusal,
    each,
    forbidden,
    invalid,
    one_of,
    required,
    unsupported,
    whole,
)

__all__ = ["network_policy"]

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_DIRECTIONS = ("Ingress", "Egress")


def network_policy(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a NetworkPolicy."""
    spec = table(body.get("spec"))
    yield from metadata(body, subdomain)
    yield from selector(spec.get("podSelector"), "spec.podSelector")
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for i, rule in entries(spec.get(direction)):
            at = join(f"spec.{direction}", i)
            for j, port in entries(rule.get("ports")):
                yield from _port(port, join(join(at, "ports"), j))
            for j, peer in enumerate(rule.get(side) or ()):
                yield from _peer(table(peer), join(join(at, side), j))
    types = spec.get("policyTypes") or []
    if len(types) > 2:
        yield invalid("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for i, kind in enumerate(types):
        if kind not in _DIRECTIONS:
            yield unsupported(join("spec.policyTypes", i), kind, _DIRECTIONS)


def _port(port: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from one_of(port, at, {"protocol": _PROTOCOLS})
    given, last, place = port.get("port"), whole(port.get("endPort")), join(at, "endPort")
    if given is None:
        if last is not None:
            yield invalid(place, last, "may not be specified when `port` is not specified")
    elif isinstance(given, str):
        if last is not None:
            yield invalid(place, last, "may not be specified when `port` is non-numeric")
        yield from each(join(at, "port"), given, port_name(given))
    else:
        first = whole(given) or 0
        yield from each(join(at, "port"), first, port_number(first))
        if last is not None:
            if last < first:
                yield invalid(place, last, "must be greater than or equal to `port`")
            yield from each(place, last, port_number(last))


def _peer(peer: dict[str, Any], at: str) -> Iterator[Refusal]:
    kinds = ("podSelector", "namespaceSelector", "ipBlock")
    present = [kind for kind in kinds if peer.get(kind) is not None]
    if not present:
        yield required(at, "must specify a peer")
    for kind in kinds[:2]:
        yield from selector(peer.get(kind), join(at, kind))
    if "ipBlock" in present:
        yield from _block(table(peer["ipBlock"]), join(at, "ipBlock"))
        if len(present) > 1:
            yield forbidden(at, "may not specify both ipBlock and another peer")


def _block(block: dict[str, Any], at: str) -> Iterator[Refusal]:
    given = block.get("cidr")
    if not given:
        yield required(join(at, "cidr"))
        return
    yield from each(join(at, "cidr"), given, cidr_problems(given))
    whole_range = network(given)
    if whole_range is None:
        return
    for i, text in enumerate(block.get("except") or ()):
        place, part = join(join(at, "except"), i), network(text)
        yield from each(place, text, cidr_problems(text))
        if part is None:
            continue
        inside = part.version == whole_range.version and part.network_address in whole_range
        if not inside or whole_range.prefixlen >= part.prefixlen:
            yield invalid(place, text, "must be a strict subset of `cidr`")
