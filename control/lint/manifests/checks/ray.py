"""Ray objects: what KubeRay and Ray Serve refuse although the schemas allow it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.pods import RAY_CLUSTERS, cluster_spec
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import dig, entries, join, strings, table
from control.lint.manifests.schemas.serve_config import refused
from control.lint.manifests.strict_yaml import read

__all__ = ["check"]

UPGRADES = {
    "RayService": ("NewCluster", "None", "NewClusterWithIncrementalUpgrade"),
    "RayCluster": ("Recreate", "None"),
}
LONGEST = {"RayService": 47, "RayJob": 47, "RayCronJob": 36, "RayCluster": 53}
NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
TIMEOUT = "ray.io/initializing-timeout"
_SECONDS = re.compile(r"[+]?\d+")
_DURATION = re.compile(r"[+]?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+")
START_RESOURCES = ("num-cpus", "num-gpus", "memory", "resources")
METRICS = "metrics-export-port"
METRICS_PORT = "8080"
"""The port of Ray's metrics unless rayStartParams name another port."""


def check(bundle: Bundle) -> Iterator[Finding]:
    """Check names, upgrade strategies, worker groups, settings that exclude each other, and serveConfigV2."""
    for resource in bundle.of(*RAY_CLUSTERS):
        yield from _name(resource)
        path, spec = cluster_spec(resource)
        if spec:
            yield from _groups(resource, path, spec)
            yield from _combinations(resource, path, spec)
            yield from _ports(resource, path, spec)
        yield from _upgrade(resource, spec)
        if resource.kind == "RayService":
            yield from _serve(resource)
            yield from _timeout(resource)


def _name(resource: Resource) -> Iterator[Finding]:
    most = LONGEST.get(resource.kind)
    # The server adds five letters to a generated name.
    name = resource.name if resource.get("metadata.name") else f"{resource.name}abcde"
    if most is not None and (len(name) > most or not NAME.fullmatch(name)):
        message = f"{resource.name!r} must be a DNS label that begins with a letter, at most {most} characters"
        yield resource.finding("SLW704", "metadata.name", message)


def _timeout(resource: Resource) -> Iterator[Finding]:
    given = resource.annotations.get(TIMEOUT, "")
    readable = _SECONDS.fullmatch(given) or _DURATION.fullmatch(given)
    # A duration of nothing but zeros, such as 0m, is not positive.
    if given and not (readable and re.search("[1-9]", given)):
        message = f"{given!r} must be a positive duration, such as 5m, or a positive number of seconds"
        yield resource.finding("SLW706", f"metadata.annotations.{TIMEOUT}", message)


def _upgrade(resource: Resource, spec: dict[str, Any]) -> Iterator[Finding]:
    kind = resource.get("spec.upgradeStrategy.type")
    allowed = UPGRADES.get(resource.kind)
    if kind is None or allowed is None:
        return
    if kind not in allowed:
        message = f"{kind!r} is not one of {', '.join(allowed)}"
        yield resource.finding("SLW702", "spec.upgradeStrategy.type", message)
    if kind == "NewClusterWithIncrementalUpgrade":
        options = resource.get("spec.upgradeStrategy.clusterUpgradeOptions")
        at = "spec.upgradeStrategy.clusterUpgradeOptions"
        if not isinstance(options, dict):
            yield resource.finding("SLW702", at, "an incremental upgrade needs clusterUpgradeOptions")
            return
        if spec.get("enableInTreeAutoscaling") is not True:
            yield resource.finding("SLW702", at, "an incremental upgrade needs enableInTreeAutoscaling")
        yield from _steps(resource, options, at)


def _steps(resource: Resource, options: dict[str, Any], at: str) -> Iterator[Finding]:
    shares = {
        "maxSurgePercent": options.get("maxSurgePercent", 100),
        "stepSizePercent": options.get("stepSizePercent"),
    }
    for name, share in shares.items():
        if not isinstance(share, int) or not 0 <= share <= 100:
            yield resource.finding("SLW702", f"{at}.{name}", f"{share!r} is not between 0 and 100")
            return
    if shares["stepSizePercent"] > shares["maxSurgePercent"]:
        message = "stepSizePercent must be less than or equal to maxSurgePercent"
        yield resource.finding("SLW702", f"{at}.stepSizePercent", message)
    seconds = options.get("intervalSeconds")
    if not isinstance(seconds, int) or seconds <= 0:
        yield resource.finding("SLW702", f"{at}.intervalSeconds", "intervalSeconds must be greater than 0")
    if not options.get("gatewayClassName"):
        yield resource.finding("SLW702", f"{at}.gatewayClassName", "gatewayClassName is required")


def _groups(resource: Resource, path: str, spec: dict[str, Any]) -> Iterator[Finding]:
    scaled = spec.get("enableInTreeAutoscaling") is True
    seen: set[str] = set()
    for i, group in entries(spec.get("workerGroupSpecs")):
        at = join(join(path, "workerGroupSpecs"), i)
        name = str(group.get("groupName"))
        least, most, now = (group.get(key) for key in ("minReplicas", "maxReplicas", "replicas"))
        if name in seen:
            yield resource.finding("SLW703", f"{at}.groupName", f"two groups have the name {name}")
        seen.add(name)
        if isinstance(least, int) and isinstance(most, int):
            if not 0 <= least <= most:
                message = f"the group {name} has minReplicas {least} and maxReplicas {most}"
                yield resource.finding("SLW703", f"{at}.minReplicas", message)
            elif isinstance(now, int) and not least <= now <= most:
                message = f"the group {name} has {now} replicas; KubeRay keeps to {least} to {most}"
                yield resource.finding("SLW703", f"{at}.replicas", message, "warning")
        yield from _twice(resource, at, group)
    head = table(spec.get("headGroupSpec"))
    yield from _twice(resource, join(path, "headGroupSpec"), head)
    if not scaled and spec.get("autoscalerOptions") is not None:
        yield resource.finding("SLW705", join(path, "autoscalerOptions"), "enableInTreeAutoscaling is not true")


def _twice(resource: Resource, at: str, group: dict[str, Any]) -> Iterator[Finding]:
    start = strings(group.get("rayStartParams"))
    given = [name for name in START_RESOURCES if start.get(name)]
    if given and table(group.get("resources")):
        message = f"{', '.join(given)} is in rayStartParams although resources are given; keep resources"
        yield resource.finding("SLW706", f"{at}.rayStartParams", message)
    if "labels" in start:
        yield resource.finding("SLW706", f"{at}.rayStartParams.labels", "keep the field labels of the group")


def _ports(resource: Resource, path: str, spec: dict[str, Any]) -> Iterator[Finding]:
    groups = [(join(path, "headGroupSpec"), table(spec.get("headGroupSpec")))]
    workers = join(path, "workerGroupSpecs")
    groups += [(join(workers, i), group) for i, group in entries(spec.get("workerGroupSpecs"))]
    for at, group in groups:
        metrics = strings(group.get("rayStartParams")).get(METRICS, METRICS_PORT)
        for i, container in entries(dig(group, "template.spec.containers")):
            for j, port in entries(container.get("ports")):
                if port.get("name") != "metrics" and str(port.get("containerPort")) == metrics:
                    place = join(join(f"{at}.template.spec.containers", i) + ".ports", j)
                    message = f"Ray's own metrics are on {metrics}; set rayStartParams.{METRICS}"
                    yield resource.finding("SLW707", f"{place}.containerPort", message)


def _combinations(resource: Resource, path: str, spec: dict[str, Any]) -> Iterator[Finding]:
    at = join(path, "headGroupSpec")
    if resource.kind == "RayService" and dig(spec, "headGroupSpec.headService.metadata.name"):
        message = "a RayService names its head Service itself; leave the name out"
        yield resource.finding("SLW706", f"{at}.headService.metadata.name", message)


def _serve(resource: Resource) -> Iterator[Finding]:
    text = resource.get("spec.serveConfigV2")
    at = "spec.serveConfigV2"
    if text is None:
        yield resource.finding("SLW701", at, "serveConfigV2 is missing")
        return
    if not isinstance(text, str):
        return
    documents = read(text)
    for document in documents:
        for problem in document.problems:
            yield resource.finding("SLW701", at, problem.message)
    if len(documents) != 1 or documents[0].problems:
        if len(documents) != 1:
            yield resource.finding("SLW701", at, f"serveConfigV2 has {len(documents)} documents; expected one")
        return
    yield from (resource.finding("SLW701", at, message) for message in refused(documents[0].value))
