"""Services: those in the manifests, and those that operators create."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import entries, plain

__all__ = ["Reached", "deployments_made", "reached"]

_MADE = {
    "RayService": ("-head-svc", "-serve-svc"),
    "RayCluster": ("-head-svc",),
    "InferenceService": ("", "-predictor", "-transformer", "-explainer"),
    "Rollout": (),
}
"""Kind -> suffixes of the names of the Services that its operator creates."""


@dataclass(frozen=True)
class Reached:
    """A Service that a route can lead to. `ports` is None if an operator chooses the ports."""

    name: str
    ports: frozenset[int | str] | None


def reached(bundle: Bundle, name: str, namespace: str = "") -> Reached | None:
    """Return the Service of that name, or None."""
    service = bundle.find("Service", name, namespace)
    if service is not None:
        given: set[Any] = set()
        for _, port in entries(service.get("spec.ports")):
            given |= {plain(port.get("port")), plain(port.get("name"))} - {None}
        return Reached(name, frozenset(item for item in given if isinstance(item, (int, str))))
    if bundle.declared("service", name) or name in _made(bundle):
        return Reached(name, None)
    return None


def deployments_made(bundle: Bundle) -> set[str]:
    """Return the names of the Deployments that KServe creates for the InferenceServices."""
    return {f"{item.name}-{part}" for item in bundle.of("InferenceService") for part in _components(item)}


def _components(item: Resource) -> list[str]:
    return [part for part in ("predictor", "transformer", "explainer") if item.get(f"spec.{part}") is not None]


def _made(bundle: Bundle) -> set[str]:
    named = {
        item.name + ending for kind, endings in _MADE.items() for item in bundle.of(kind) for ending in endings
    }
    for item in bundle.of("RayService"):
        # The object may give its serve Service another name.
        own = item.get("spec.serveService.metadata.name")
        named |= {str(own)} if own else set()
    return named
