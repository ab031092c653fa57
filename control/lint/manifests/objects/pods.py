"""The pod templates of each kind, and the labels that their pods will have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import dig, entries, join, strings, table

__all__ = ["RAY_CLUSTERS", "PodTemplate", "cluster_spec", "containers", "matches", "pods", "selecting"]

Runs = Literal["service", "job"]
TEMPLATES: dict[str, tuple[str, Runs]] = {
    "Pod": ("", "service"),
    "Deployment": ("spec.template", "service"),
    "ReplicaSet": ("spec.template", "service"),
    "StatefulSet": ("spec.template", "service"),
    "DaemonSet": ("spec.template", "service"),
    "Rollout": ("spec.template", "service"),
    "Job": ("spec.template", "job"),
    "CronJob": ("spec.jobTemplate.spec.template", "job"),
    "ScaledJob": ("spec.jobTargetRef.template", "job"),
}
"""Kind -> path of its pod template, and whether the pods run as a service or as a job."""
RAY_CLUSTERS = {
    "RayCluster": "spec",
    "RayService": "spec.rayClusterConfig",
    "RayJob": "spec.rayClusterSpec",
    "RayCronJob": "spec.jobTemplate.rayClusterSpec",
}
"""Kind -> path of its Ray cluster."""
COMPONENTS = ("predictor", "transformer", "explainer")
_RAY_LABELS = ("ray.io/cluster", "ray.io/identifier")
"""Labels whose values the operator generates."""
_RAY_ADDED = {"app.kubernetes.io/name": "kuberay", "app.kubernetes.io/created-by": "kuberay-operator"}


@dataclass(frozen=True, eq=False)
class PodTemplate:
    """A template of an object's pods.

    `path` is the path of the pods' spec. An operator sets `open_labels` to values that are not known here. `role`
    is head or worker in a Ray cluster, and runtime in a ServingRuntime.
    """

    owner: Resource
    path: str
    spec: dict[str, Any]
    labels: dict[str, str]
    open_labels: frozenset[str]
    runs: Runs
    role: str = ""


def pods(bundle: Bundle) -> list[PodTemplate]:
    """Return the pod templates of all objects."""
    return [template for resource in bundle.resources for template in _of(resource)]


def containers(template: PodTemplate) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield (path, container, whether it ends before the others start)."""
    for key in ("initContainers", "containers"):
        for i, container in entries(template.spec.get(key)):
            # A sidecar is an init container that keeps running.
            first = key == "initContainers" and container.get("restartPolicy") != "Always"
            yield join(join(template.path, key), i), container, first


def matches(selector: Any, template: PodTemplate) -> bool:
    """Return whether a label selector selects the pods. An empty selector selects all pods."""
    chosen = table(selector)
    plain = not {"matchLabels", "matchExpressions"} & set(chosen)
    wanted = strings(chosen) if plain else strings(chosen.get("matchLabels"))
    if any(template.labels.get(key) != text for key, text in wanted.items() if key not in template.open_labels):
        return False
    return all(_holds(item, template) for _, item in entries(chosen.get("matchExpressions")))


def selecting(selector: Any, templates: list[PodTemplate], namespace: str = "") -> list[PodTemplate]:
    """Return the templates that a selector selects, in the namespace or without a namespace."""
    near = [t for t in templates if not namespace or t.owner.namespace in ("", namespace)]
    return [template for template in near if template.role != "runtime" and matches(selector, template)]


def cluster_spec(resource: Resource) -> tuple[str, dict[str, Any]]:
    """Return (path, spec) of the Ray cluster of an object."""
    path = RAY_CLUSTERS[resource.kind]
    return path, table(resource.get(path))


def _holds(item: dict[str, Any], template: PodTemplate) -> bool:
    key, operator = str(item.get("key")), item.get("operator")
    if key in template.open_labels:
        return True
    label = template.labels.get(key)
    listed = item.get("values")
    values = listed if isinstance(listed, list) else []
    return {
        "In": label in values,
        "NotIn": label not in values,
        "Exists": label is not None,
        "DoesNotExist": label is None,
    }.get(str(operator), False)


def _of(resource: Resource) -> Iterator[PodTemplate]:
    if resource.kind in RAY_CLUSTERS:
        yield from _ray(resource)
    elif resource.kind == "InferenceService":
        yield from _kserve(resource)
    elif resource.kind in ("ServingRuntime", "ClusterServingRuntime"):
        spec = table(resource.get("spec"))
        yield PodTemplate(resource, "spec", spec, strings(spec.get("labels")), frozenset(), "service", "runtime")
    elif resource.kind in TEMPLATES:
        path, runs = TEMPLATES[resource.kind]
        yield from _template(resource, path, runs)


def _template(
    resource: Resource,
    path: str,
    runs: Runs,
    added: dict[str, str] | None = None,
    open_labels: tuple[str, ...] = (),
    role: str = "",
) -> Iterator[PodTemplate]:
    body = table(dig(resource.body, path))
    if isinstance(body.get("spec"), dict):
        labels = {**(added or {}), **strings(dig(body, "metadata.labels"))}
        known = frozenset(open_labels) - set(labels)
        yield PodTemplate(resource, join(path, "spec"), body["spec"], labels, known, runs, role)


def _ray(resource: Resource) -> Iterator[PodTemplate]:
    path, spec = cluster_spec(resource)
    common = {**_RAY_ADDED, "ray.io/is-ray-node": "yes", "ray.io/originated-from-crd": resource.kind}
    if resource.kind != "RayCronJob":
        common["ray.io/originated-from-cr-name"] = resource.name
    open_labels = _RAY_LABELS if resource.kind != "RayCluster" else _RAY_LABELS[1:]
    if resource.kind == "RayCluster":
        common["ray.io/cluster"] = resource.name
    runs: Runs = "service" if resource.kind in ("RayCluster", "RayService") else "job"
    serve = {"ray.io/serve": "true"} if resource.kind == "RayService" else {}
    head = {**common, **serve, "ray.io/node-type": "head", "ray.io/group": "headgroup"}
    yield from _template(resource, join(path, "headGroupSpec.template"), runs, head, open_labels, "head")
    for i, group in entries(spec.get("workerGroupSpecs")):
        worker = {**common, **serve, "ray.io/node-type": "worker", "ray.io/group": str(group.get("groupName", ""))}
        at = join(join(path, "workerGroupSpecs"), i)
        body = table(group.get("template"))
        if isinstance(body.get("spec"), dict):
            labels = {**worker, **strings(dig(body, "metadata.labels"))}
            known = frozenset(open_labels) - set(labels)
            yield PodTemplate(resource, f"{at}.template.spec", body["spec"], labels, known, runs, "worker")
    yield from _template(resource, "spec.submitterPodTemplate", "job")


def _kserve(resource: Resource) -> Iterator[PodTemplate]:
    for component in COMPONENTS:
        spec = resource.get(f"spec.{component}")
        if isinstance(spec, dict):
            own = strings(dig(resource.body, "metadata.labels")) | strings(spec.get("labels"))
            labels = {
                "serving.kserve.io/inferenceservice": resource.name,
                "component": component,
                "app": f"isvc.{resource.name}-{component}",
                **own,
            }
            added = frozenset({"pod-template-hash", "serving.knative.dev/revision", "serving.knative.dev/service"})
            yield PodTemplate(resource, f"spec.{component}", spec, labels, added, "service")
