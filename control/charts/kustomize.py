"""The kustomize files, rendered from the chart: `k8s/base`, and components that only add to it.

The chart is the one source. A component holds the objects that the chart makes in addition when a feature is
switched on. A feature that changes an object of the base is refused, because components must combine in any order.
The component `sync` is the exception: it also patches the gateways, whatever component they are from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.charts.groups import HEAD, by_group, gateway_patches, kustomization, references
from control.charts.render import ChartError, Object, key, render
from control.yaml_text import dump
from serving.kernel.find_app import find_apps

__all__ = [
    "COMPONENTS",
    "EACH",
    "NOTE",
    "ONE",
    "SYNC",
    "Component",
    "added",
    "base",
    "files",
    "generated",
    "sync",
    "texts",
]

NOTE = "# Written by `python -m control.charts` from charts/slipway. Do not edit: patch it in an overlay.\n"
GROUPS = """apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
# A RayService for each app. A folder has all the objects of its app, or patches of another folder's objects.
"""
SYNC_NOTE = """apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
# Gateways copy the model repository from a bucket before they start, and a CronJob keeps the copy current. List it
# after the component with the gateways, and patch s3://models/repository: docs/kubernetes.md.
"""
MANY: Mapping[str, Any] = {"modelRepository": {"accessModes": ["ReadWriteMany"]}, "auth": {"open": True}}
"""The overlay for one node patches the claim instead. The component `keys` lets gateways ask who calls."""
EACH: Mapping[str, Any] = {**MANY, "groupPerApp": True, "groupDefaults": {"runtime": "ray"}}
"""A RayService for each app."""
NOTHING: Mapping[str, Any] = {**MANY, "groupPerApp": False}
"""Every installation has these objects: service accounts, the claim of the model repository, network policies."""
ONE = {**NOTHING, "groups": {"all": {"runtime": "process"}}}
MLFLOW = {"mlflow": {"enabled": True, "artifacts": "s3://mlflow/artifacts"}}
SECRETS = {"secrets": {"mlflow": {"name": "slipway-mlflow"}, "storage": "slipway-storage"}}
METRICS = {"metrics": {"serviceMonitor": True, "rules": True}}
TRITON = {"enabled": True, "models": ["matching"], "gpus": 1, "gpuModels": ["matching"]}
"""What reserves a GPU has a model that uses it."""
CANARY = {"all": {"runtime": "process", "canary": {"weight": 10, "replicas": 1}}}
SYNC = {
    "repositorySync": {"enabled": True, "source": "s3://models/repository"},
    "secrets": {"storage": "slipway-storage"},
}
BOOTSTRAP = {"training": {"bootstrap": {"enabled": True, "apps": sorted(app.name for app in find_apps())}}}
REQUESTS = {"scaling": {"metric": "requests"}}
"""Installations with GPUs have a metrics adapter."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """The objects that `values` make in addition to those of `over`.

    With `patched`, the objects of one group are written in full, and those of every group like it as patches.
    """

    values: Mapping[str, Any]
    over: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    patched: bool = False


COMPONENTS: Mapping[str, Component] = {
    "apps": Component(values=EACH, patched=True),
    "one": Component(values=ONE),
    "mlflow": Component(values={**NOTHING, **MLFLOW, **SECRETS}),
    "gpu": Component(values={**NOTHING, **METRICS, **REQUESTS, "triton": TRITON}, over={**NOTHING, **METRICS}),
    "observability": Component(values={**EACH, **METRICS}, over=EACH),
    "routes": Component(values={**EACH, "routes": {"enabled": True}}, over=EACH),
    "canary": Component(values={**ONE, "groups": CANARY, "routes": {"enabled": True}}, over=ONE),
    "bootstrap": Component(values={**NOTHING, **BOOTSTRAP}),
}


def base() -> list[Object]:
    """The objects of `k8s/base`. Helm's hooks are left out: kustomize has no hooks."""
    return _rendered(NOTHING)


def added(component: Component) -> list[Object]:
    """The objects of a component. Raises `ChartError` if the component changes an object instead."""
    before = {key(item): item for item in _rendered(component.over)}
    found = []
    for item in _rendered(component.values):
        if key(item) not in before:
            found.append(item)
        elif before[key(item)] != item:
            raise ChartError(f"a component changes {' '.join(key(item))}; it may only add objects")
    return found


def texts() -> dict[str, str]:
    """The text of every generated file, by its path below `k8s/`."""
    found = {"base/objects.yaml": _dump(base())}
    for name, component in COMPONENTS.items():
        found |= {f"components/{name}/{path}": text for path, text in files(component).items()}
    found |= {f"components/sync/{path}": text for path, text in sync().items()}
    return found


def files(component: Component) -> dict[str, str]:
    """The text of every generated file of a component, by its path in the component's folder."""
    items = added(component)
    return _groups(items) if component.patched else {"objects.yaml": _dump(items)}


def sync() -> dict[str, str]:
    """The component `sync`: what it adds, and patches of gateways of both runtimes. Raises `ChartError`."""
    items: dict[tuple[str, str], Object] = {}
    changes: list[tuple[Object, Object]] = []
    for over in (EACH, ONE):
        before = {key(item): item for item in _rendered(over)}
        after = {key(item): item for item in _rendered({**over, **SYNC})}
        items |= {name: item for name, item in after.items() if name not in before}
        changes += [(before[name], item) for name, item in after.items() if before.get(name, item) != item]
    text = f"{NOTE}{SYNC_NOTE}resources:\n  - objects.yaml\npatches:\n{gateway_patches(changes)}"
    return {"objects.yaml": _dump(list(items.values())), "kustomization.yaml": text}


def generated(folder: Path) -> set[Path]:
    """The files below `folder` that an earlier run wrote, such as those of an app that is gone."""
    return {path for path in folder.rglob("*.yaml") if path.read_text().startswith(NOTE)}


def _groups(items: list[Object]) -> dict[str, str]:
    """A folder for each group, beside the objects that belong to no group."""
    common, groups = by_group(items)
    resources = "".join(f"  - {name}\n" for name in ["objects.yaml", *groups])
    found = {"objects.yaml": _dump(common), "kustomization.yaml": f"{NOTE}{GROUPS}resources:\n{resources}"}
    for name, reference in references(groups).items():
        if name == reference:
            found[f"{name}/objects.yaml"] = _dump(groups[name])
            found[f"{name}/kustomization.yaml"] = f"{NOTE}{HEAD}resources:\n  - objects.yaml\n"
        else:
            text = kustomization(name, groups[name], reference, groups[reference])
            found[f"{name}/kustomization.yaml"] = NOTE + text
    return found


def _rendered(values: Mapping[str, Any]) -> list[Object]:
    return [item for item in render(values) if not _is_hook(item)]


def _is_hook(item: Object) -> bool:
    return "helm.sh/hook" in item["metadata"].get("annotations", {})


def _dump(items: list[Object]) -> str:
    return NOTE + "---\n".join(dump(item, 1000) for item in items)
