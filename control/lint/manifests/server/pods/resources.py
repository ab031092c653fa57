"""Requests and limits."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from control.lint.manifests.objects.quantity import parse
from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import dns_label, qualified_name
from control.lint.manifests.server.refusal import (
    NEGATIVE,
    Refusal,
    duplicate,
    each,
    forbidden,
    invalid,
    key,
    not_found,
    required,
    unsupported,
)

__all__ = ["NO_QUANTITY", "amount", "named", "of_pod", "quantity", "requirements", "shared"]

NO_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
STANDARD = ("cpu", "memory", "ephemeral-storage")
HUGE = "hugepages-"
FOR_QUOTA = "requests."


def requirements(given: Any, at: str, claims: frozenset[str] | None = frozenset()) -> Iterator[Refusal]:
    """Check the field `resources` of a container; `claims` are the pod's, or None for a whole pod."""
    body = table(given)
    limits, requests = table(body.get("limits")), table(body.get("requests"))
    for part, values in (("limits", limits), ("requests", requests)):
        for name, value in values.items():
            place = key(join(at, part), name)
            yield from named(name, place)
            yield from amount(name, value, place)
    yield from _compared(limits, requests, at)
    names = {*limits, *requests}
    if any(name.startswith(HUGE) for name in names) and not names & {"cpu", "memory"}:
        yield forbidden(at, "HugePages require cpu or memory")
    if claims is not None:
        yield from _claims(body.get("claims"), join(at, "claims"), claims)


def of_pod(spec: dict[str, Any], at: str) -> Iterator[Refusal]:
    """Check the resources of a whole pod, which its containers share."""
    given = table(spec.get("resources"))
    if given.get("claims"):
        yield forbidden(join(at, "claims"), "claims cannot be set for Resources at pod-level")
    yield from requirements(given, at, None)
    for part in ("limits", "requests"):
        for name in table(given.get(part)):
            if name not in STANDARD[:2] and not name.startswith(HUGE):
                yield unsupported(key(join(at, part), name), name, ("cpu", "hugepages-", "memory"))
    limits, requests = table(given.get("limits")), table(given.get("requests"))
    for name, whole in {**limits, **requests}.items():
        total, most = _asked(spec, name), parse(whole)
        if most is not None and total > most:
            reason = f"must be greater than or equal to aggregate container requests of {total}"
            yield invalid(key(join(at, "requests"), name), str(whole), reason)
    for i, container in entries(spec.get("containers")):
        for name, value in table(table(container.get("resources")).get("limits")).items():
            own, most = parse(value), parse(limits.get(name))
            if own is not None and most is not None and own > most:
                place = f"{join(join(at, 'containers'), i)}[{name}].limits"
                yield invalid(place, str(value), f"must be less than or equal to pod limits of {limits[name]}")


def _asked(spec: dict[str, Any], name: str) -> Decimal:
    """Return the sum of what the containers of a pod request of a resource, without its init containers."""
    total = Decimal(0)
    for _, container in entries(spec.get("containers")):
        total += parse(table(table(container.get("resources")).get("requests")).get(name)) or 0
    return total


def quantity(value: Any, at: str) -> Iterator[Refusal]:
    """Check that a quantity can be read."""
    if value is not None and parse(value) is None:
        yield Refusal(at, NO_QUANTITY)


def amount(name: str, value: Any, at: str) -> Iterator[Refusal]:
    """Check the quantity of a resource: it is not negative, and whole for what cannot be shared."""
    number = parse(value)
    if number is None:
        yield Refusal(at, NO_QUANTITY)
        return
    if number < 0:
        yield invalid(at, str(value), NEGATIVE)
    if _extended(name) and number != number.to_integral_value():
        yield invalid(at, str(value), "must be an integer")
    if name.startswith(HUGE):
        page = parse(name.removeprefix(HUGE))
        if page is not None and (page <= 0 or number % page):
            yield invalid(at, str(value), f"{value} is not positive integer multiple of {name}")


def _native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def _extended(name: str) -> bool:
    return not _native(name) and not name.startswith(FOR_QUOTA) and not qualified_name(FOR_QUOTA + name)


def shared(name: str) -> bool:
    """Return whether a request of a resource may be below its limit."""
    return _native(name) and not name.startswith(HUGE)


def named(name: str, at: str) -> Iterator[Refusal]:
    """Check the name of a container's resource."""
    problems = qualified_name(name)
    yield from each(at, name, problems)
    if problems:
        return
    if "/" not in name:
        if name not in STANDARD and not name.startswith(HUGE):
            yield invalid(at, name, "must be a standard resource type or fully qualified")
            yield invalid(at, name, "must be a standard resource for containers")
    elif not _native(name) and not _extended(name):
        yield invalid(at, name, "doesn't follow extended resource name standard")


def _compared(limits: dict[str, Any], requests: dict[str, Any], at: str) -> Iterator[Refusal]:
    for name, value in requests.items():
        number, most = parse(value), parse(limits.get(name))
        if number is None:
            continue
        place = join(at, "requests")
        if name not in limits:
            if not shared(name):
                yield required(join(at, "limits"), "Limit must be set for non overcommitable resources")
        elif most is None:
            continue
        elif number != most and not shared(name):
            yield invalid(place, str(value), f"must be equal to {name} limit of {limits[name]}")
        elif number > most:
            yield invalid(place, str(value), f"must be less than or equal to {name} limit of {limits[name]}")


def _claims(given: Any, at: str, known: frozenset[str]) -> Iterator[Refusal]:
    seen: set[str] = set()
    for i, claim in entries(given):
        name, request = str(claim.get("name") or ""), str(claim.get("request") or "")
        place = join(at, i)
        if not name:
            yield required(place)
            continue
        if request:
            yield from each(join(place, "request"), request, dns_label(request))
        whole = f"{name}/{request}" if request else name
        overlaps = not request and any(other.startswith(f"{name}/") for other in seen)
        if name in seen or whole in seen or overlaps:
            yield duplicate(place, whole)
        seen.add(whole)
        if name not in known:
            reason = not_found(place, name)
            yield Refusal(reason.path, f"{reason.reason}: must be one of the names in pod.spec.resourceClaims")
