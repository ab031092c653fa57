"""What the kustomize files are made of: the chart, rendered, as `k8s/base` and as components that only add to it.

The chart is the one source. A component is what the chart makes more when something is switched on; where that
would change an object instead, kustomize could not put components together, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.charts.render import ChartError, Object, key, render
from control.yaml_text import dump

__all__ = ["COMPONENTS", "Component", "added", "base", "texts"]

NOTE = "# Written by `python -m control.charts` from charts/slipway. Do not edit: patch it in an overlay.\n"
NOTHING: Mapping[str, Any] = {"groupPerApp": False}
"""What every installation has: accounts, the claim of the model repository, network policies."""
ONE = {"groupPerApp": False, "groups": {"all": {"runtime": "process"}}}
MLFLOW = {"mlflow": {"enabled": True, "artifacts": "s3://mlflow/artifacts"}}
SECRETS = {"secrets": {"mlflow": {"name": "slipway-mlflow"}, "storage": "slipway-storage"}}
METRICS = {"metrics": {"serviceMonitor": True, "rules": True}}
CANARY = {"all": {"runtime": "process", "canary": {"weight": 10, "replicas": 1}}}


@dataclass(frozen=True, kw_only=True)
class Component:
    """The objects that `values` make beyond those of `over`."""

    values: Mapping[str, Any]
    over: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


COMPONENTS: Mapping[str, Component] = {
    "apps": Component(values={}),
    "one": Component(values=ONE),
    "mlflow": Component(values={**NOTHING, **MLFLOW, **SECRETS}),
    "gpu": Component(values={**NOTHING, **METRICS, "triton": {"enabled": True}}, over={**NOTHING, **METRICS}),
    "observability": Component(values=METRICS, over={}),
    "routes": Component(values={"routes": {"enabled": True}}, over={}),
    "canary": Component(values={**ONE, "groups": CANARY, "routes": {"enabled": True}}, over=ONE),
}


def base() -> list[Object]:
    """The objects of `k8s/base`, without hooks: kustomize knows none."""
    return _rendered(NOTHING)


def added(component: Component) -> list[Object]:
    """The objects of a component. Raises `ChartError` when it changes one instead."""
    before = {key(item): item for item in _rendered(component.over)}
    found = []
    for item in _rendered(component.values):
        if key(item) not in before:
            found.append(item)
        elif before[key(item)] != item:
            raise ChartError(f"a component changes {' '.join(key(item))}; it may only add objects")
    return found


def texts() -> dict[str, str]:
    """Path below `k8s/` -> text, of every generated file."""
    found = {"base/objects.yaml": _dump(base())}
    for name, component in COMPONENTS.items():
        found[f"components/{name}/objects.yaml"] = _dump(added(component))
    return found


def _rendered(values: Mapping[str, Any]) -> list[Object]:
    return [item for item in render(values) if not _is_hook(item)]


def _is_hook(item: Object) -> bool:
    return "helm.sh/hook" in item["metadata"].get("annotations", {})


def _dump(items: list[Object]) -> str:
    return NOTE + "---\n".join(dump(item, 1000) for item in items)
