"""Probes and lifecycle handlers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import entries, join, table
from control.lint.manifests.server.formats import header_name, port_name, port_number
from control.lint.manifests.server.refusal import (
    Refusal,
    each,
    forbidden,
    invalid,
    missing,
    negative,
    one_of,
    required,
    whole,
)

__all__ = ["lifecycle", "port", "probe"]

_PROBE_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_ONE_SUCCESS = ("livenessProbe", "startupProbe")
_OF_PROBES = ("exec", "httpGet", "tcpSocket", "grpc")
_OF_LIFECYCLES = ("exec", "httpGet", "tcpSocket", "sleep")


def probe(kind: str, given: Any, grace: int, at: str) -> Iterator[Refusal]:
    """Check a probe; `kind` is the name of its field, `grace` the pod's terminationGracePeriodSeconds."""
    if not isinstance(given, dict):
        return
    yield from _handler(given, _OF_PROBES, grace, at)
    yield from negative(given, at, _PROBE_NUMBERS)
    # The server replaces 0 by the default.
    success = whole(given.get("successThreshold")) or 1
    if kind in _ONE_SUCCESS and success != 1:
        yield invalid(join(at, "successThreshold"), success, "must be 1")
    own = whole(given.get("terminationGracePeriodSeconds"))
    place = join(at, "terminationGracePeriodSeconds")
    if own is not None and own <= 0:
        yield invalid(place, own, "must be greater than 0")
    if own is not None and kind == "readinessProbe":
        yield invalid(place, own, "must not be set for readinessProbes")


def lifecycle(given: Any, grace: int, at: str) -> Iterator[Refusal]:
    """Check the handlers that run when a container starts and stops."""
    for name in ("postStart", "preStop"):
        handler = table(given).get(name)
        if isinstance(handler, dict):
            yield from _handler(handler, _OF_LIFECYCLES, grace, join(at, name))


def port(value: Any, at: str) -> Iterator[Refusal]:
    """Check the number or name of a port."""
    if isinstance(value, str):
        yield from each(at, value, port_name(value))
    else:
        number = whole(value) or 0
        yield from each(at, number, port_number(number))


def _handler(given: dict[str, Any], kinds: tuple[str, ...], grace: int, at: str) -> Iterator[Refusal]:
    present = [kind for kind in kinds if given.get(kind) is not None]
    if not present:
        yield required(at, "must specify a handler type")
        return
    for kind in present[1:]:
        yield forbidden(join(at, kind), "may not specify more than 1 handler type")
    kind = present[0]
    body, place = table(given[kind]), join(at, kind)
    if kind == "exec":
        yield from missing(body, place, ("command",))
    elif kind == "httpGet":
        yield from _http(body, place)
    elif kind == "sleep":
        seconds = whole(body.get("seconds")) or 0
        if not 0 <= seconds <= grace:
            reason = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            yield invalid(place, seconds, reason)
    else:
        yield from port(body.get("port"), join(place, "port"))


def _http(body: dict[str, Any], at: str) -> Iterator[Refusal]:
    yield from port(body.get("port"), join(at, "port"))
    if body.get("scheme"):
        yield from one_of(body, at, {"scheme": ("HTTP", "HTTPS")})
    for _, header in entries(body.get("httpHeaders")):
        name = str(header.get("name") or "")
        yield from each(join(at, "httpHeaders"), name, header_name(name))
