"""The clusters of RayClusters, RayServices and RayJobs: what KubeRay refuses when it reconciles them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.pods import RAY_CLUSTERS, cluster_spec
from control.lint.manifests.objects.resource import Bundle, Resource
from control.lint.manifests.objects.tree import dig, entries, join, strings, table
from control.lint.manifests.server.formats import label_value, qualified_name

__all__ = ["check"]

TOLERANT = "ray.io/ft-enabled"
STORAGE = "ray.io/external-storage-namespace"
AUTOSCALER_V2 = "RAY_enable_autoscaler_v2"
START = "KUBERAY_GEN_AUTOSCALER_START_CMD"
LEAST_FOR_TOKENS = (2, 52, 0)
LEAST_FOR_KUBERNETES_TOKENS = (2, 55, 0)
_ON = ("1", "true")


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield the combinations that KubeRay refuses."""
    for resource in bundle.of(*RAY_CLUSTERS):
        path, spec = cluster_spec(resource)
        for at, message in _refused(resource, spec) if spec else ():
            yield resource.finding("SLW706", join(path, at) if at else path, message)


def _refused(resource: Resource, spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _containers(spec)
    yield from _labels(spec)
    yield from _redis(resource, spec)
    yield from _autoscaler(spec)
    yield from _tokens(resource, spec)


def _groups(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (path, name, group) of the head and of all groups of workers."""
    workers = entries(spec.get("workerGroupSpecs"))
    head = [("headGroupSpec", "Head", table(spec.get("headGroupSpec")))]
    return head + [(join("workerGroupSpecs", i), str(group.get("groupName")), group) for i, group in workers]


def _containers(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for at, _, group in _groups(spec):
        if not entries(dig(group, "template.spec.containers")):
            kind = at.partition("[")[0].removesuffix("s") if "[" in at else at
            yield f"{at}.template.spec.containers", f"{kind} should have at least one container"


def _labels(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for at, name, group in _groups(spec):
        for key, value in strings(group.get("labels")).items():
            for kind, reasons in (("key", qualified_name(key)), ("value", label_value(value))):
                for reason in reasons:
                    yield f"{at}.labels.{key}", f"invalid label {kind} for {name} group: {reason}"


def _head(spec: dict[str, Any]) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return the path of the variables of Ray's container in the head, the variables, and rayStartParams."""
    containers = entries(dig(spec, "headGroupSpec.template.spec.containers"))
    listed = entries(containers[0][1].get("env")) if containers else []
    variables = {str(item.get("name")): str(item.get("value") or "") for _, item in listed}
    at = "headGroupSpec.template.spec.containers[0].env"
    return at, variables, strings(dig(spec, "headGroupSpec.rayStartParams"))


def _redis(resource: Resource, spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    at, variables, start = _head(spec)
    noted, options = resource.annotations.get(TOLERANT, ""), spec.get("gcsFaultToleranceOptions")
    field = "gcsFaultToleranceOptions"
    if noted and options is not None:
        yield field, f"the annotation {TOLERANT} and {field} are both set; use only {field}"
    if "RAY_REDIS_ADDRESS" in variables and options is None and noted.lower() != "true":
        yield at, f"RAY_REDIS_ADDRESS is set, but {field} is not; set it to enable GCS fault tolerance"
    if options is not None:
        for name, option in (("RAY_REDIS_ADDRESS", "redisAddress"), ("REDIS_PASSWORD", "redisPassword")):
            if name in variables:
                yield at, f"cannot set {name} with {field}; use {option} of {field}"
        if start.get("redis-password"):
            yield "headGroupSpec.rayStartParams.redis-password", f"use redisPassword of {field}"
        if resource.annotations.get(STORAGE):
            yield field, f"cannot set the annotation {STORAGE}; use externalStorageNamespace of {field}"
    if start.get("redis-username") or "REDIS_USERNAME" in variables:
        yield at, f"cannot set a redis username here; use redisUsername of {field}"


def _autoscaler(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    at, variables, _ = _head(spec)
    options, asked = table(spec.get("autoscalerOptions")), variables.get(AUTOSCALER_V2, "")
    idle = options.get("idleTimeoutSeconds")
    if isinstance(idle, int) and idle < 0:
        yield "autoscalerOptions.idleTimeoutSeconds", f"must be non-negative, got {idle}"
    if any(item.get("name") == START for _, item in entries(options.get("env"))):
        yield "autoscalerOptions.env", f"must not contain {START}; KubeRay sets it"
    if spec.get("enableInTreeAutoscaling") is not True:
        if asked in _ON:
            yield at, f"{AUTOSCALER_V2} cannot be set to {asked!r} when enableInTreeAutoscaling is false"
        return
    if options.get("version") is not None and AUTOSCALER_V2 in variables:
        yield at, f"autoscalerOptions.version and {AUTOSCALER_V2} are both set; use only the former"
    version_two = options.get("version") == "v2" or asked in _ON
    for place, name, group in _groups(spec):
        policy = dig(group, "template.spec.restartPolicy")
        if version_two and policy not in (None, "", "Never"):
            words = f"restartPolicy of {name} should be Never or unset with version 2 of the autoscaler"
            yield f"{place}.template.spec.restartPolicy", words
        if group.get("suspend") is True:
            yield f"{place}.suspend", f"worker group {name} cannot be suspended with the autoscaler enabled"


def _tokens(resource: Resource, spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    options = table(spec.get("authOptions"))
    by_kubernetes = options.get("enableK8sTokenAuth") is True
    if by_kubernetes and options.get("secretName"):
        yield (
            "authOptions.secretName",
            "authOptions.enableK8sTokenAuth is enabled and authOptions.secretName is also set",
        )
    if by_kubernetes:
        if resource.kind in ("RayService", "RayJob", "RayCronJob"):
            yield "authOptions.enableK8sTokenAuth", f"K8s token auth is not supported for {resource.kind}"
        if options.get("mode") != "token":
            yield "authOptions.enableK8sTokenAuth", "authOptions.mode is not set to 'token'"
    if options.get("mode") != "token":
        return
    given = str(spec.get("rayVersion") or "")
    parts = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", given)
    if not given:
        yield "rayVersion", "authOptions.mode is 'token', which needs rayVersion 2.52.0 or later"
    elif parts is None:
        yield "rayVersion", f"authOptions.mode is 'token', and the version {given!r} cannot be read"
    elif tuple(int(part or 0) for part in parts.groups()) < LEAST_FOR_TOKENS:
        yield "rayVersion", f"authOptions.mode is 'token' but minimum Ray version is 2.52.0, got {given}"
    elif by_kubernetes and tuple(int(part or 0) for part in parts.groups()) < LEAST_FOR_KUBERNETES_TOKENS:
        message = f"authOptions.enableK8sTokenAuth is enabled but minimum Ray version is 2.55.0, got {given}"
        yield "rayVersion", message
