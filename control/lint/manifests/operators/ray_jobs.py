"""RayJobs and RayCronJobs: what KubeRay refuses when it reconciles them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.lint.finding import Finding
from control.lint.manifests.objects.resource import Bundle
from control.lint.manifests.objects.tree import dig, entries, join, table
from control.lint.manifests.server.kinds.cron import line_problem, zone_problem
from control.lint.manifests.strict_yaml import read

__all__ = ["check"]

SELECTOR = "ray.io/cluster"
_ORDER = ("DeleteWorkers", "DeleteCluster", "DeleteSelf")


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield what KubeRay refuses."""
    for job in bundle.of("RayJob"):
        for at, message in _refused(table(job.get("spec"))):
            yield job.finding("SLW708", join("spec", at), message)
    for cron in bundle.of("RayCronJob"):
        line = cron.get("spec.schedule")
        if isinstance(line, str) and line_problem(line):
            yield cron.finding("SLW708", "spec.schedule", f"invalid cron schedule: {line_problem(line)}")
        elif isinstance(line, str) and "TZ" in line:
            message = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            yield cron.finding("SLW708", "spec.schedule", message)
        zone = cron.get("spec.timeZone")
        # Go knows the zone Local, which a CronJob of Kubernetes may not have.
        if isinstance(zone, str) and zone != "Local" and zone_problem(zone):
            yield cron.finding("SLW708", "spec.timeZone", f"invalid time zone: {zone_problem(zone)}")
        for at, message in _refused(table(cron.get("spec.jobTemplate"))):
            yield cron.finding("SLW708", join("spec.jobTemplate", at), message)


def _refused(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not spec:
        return
    yield from _suspended(spec)
    yield from _cluster(spec)
    yield from _submission(spec)
    yield from _numbers(spec)
    yield from _deletion(spec)
    text = spec.get("runtimeEnvYAML")
    if isinstance(text, str) and text:
        yield from _runtime(text)


def _suspended(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    shuts = spec.get("shutdownAfterJobFinishes") is True
    ttl = spec.get("ttlSecondsAfterFinished") or 0
    if spec.get("suspend") is True:
        if not shuts:
            message = "a RayJob with shutdownAfterJobFinishes set to false is not allowed to be suspended"
            yield "suspend", message
        if spec.get("clusterSelector"):
            yield "suspend", "the ClusterSelector mode doesn't support the suspend operation"
    if isinstance(ttl, int) and ttl < 0:
        yield "ttlSecondsAfterFinished", "must be a non-negative integer"
    elif ttl and not shuts:
        message = "a RayJob with shutdownAfterJobFinishes set to false cannot have ttlSecondsAfterFinished"
        yield "ttlSecondsAfterFinished", message


def _cluster(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    chosen = table(spec.get("clusterSelector"))
    if not chosen:
        if spec.get("rayClusterSpec") is None:
            yield "rayClusterSpec", "one of rayClusterSpec or clusterSelector must be set"
        return
    if not chosen.get(SELECTOR):
        yield "clusterSelector", "cluster name in clusterSelector should not be empty"
    if spec.get("submissionMode") == "SidecarMode":
        yield "clusterSelector", "clusterSelector is not supported in SidecarMode"
    if (spec.get("backoffLimit") or 0) > 0:
        yield "backoffLimit", "backoffLimit is incompatible with clusterSelector"


def _submission(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    mode = spec.get("submissionMode")
    if mode == "InteractiveMode" and (spec.get("backoffLimit") or 0) > 0:
        yield "backoffLimit", "backoffLimit is incompatible with InteractiveMode"
    if mode != "SidecarMode":
        return
    for name in ("submitterPodTemplate", "submitterConfig"):
        if spec.get(name) is not None:
            yield name, f"SidecarMode doesn't support {name}"
    at = "rayClusterSpec.headGroupSpec.template.spec.restartPolicy"
    if dig(spec, at) not in (None, "", "Never"):
        yield at, "restartPolicy for head Pod should be Never or unset when using SidecarMode"


def _numbers(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("activeDeadlineSeconds", "preRunningDeadlineSeconds"):
        value = spec.get(name)
        if isinstance(value, int) and value <= 0:
            yield name, "must be a positive integer"
    limit = spec.get("backoffLimit")
    if isinstance(limit, int) and limit < 0:
        yield "backoffLimit", "must be a positive integer"


def _runtime(text: str) -> Iterator[tuple[str, str]]:
    documents = read(text)
    problems = [
        problem.message for document in documents for problem in document.problems if problem.id != "SLW006"
    ]
    if problems:
        yield "runtimeEnvYAML", f"failed to unmarshal RuntimeEnvYAML: {problems[0]}"
    elif documents and not isinstance(documents[0].value, dict):
        yield "runtimeEnvYAML", "failed to unmarshal RuntimeEnvYAML: it is not a mapping"


def _deletion(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    strategy, at = spec.get("deletionStrategy"), "deletionStrategy"
    if not isinstance(strategy, dict):
        return
    rules = entries(strategy.get("deletionRules"))
    old = [name for name in ("onSuccess", "onFailure") if strategy.get(name) is not None]
    if rules and spec.get("shutdownAfterJobFinishes") is True:
        yield at, "shutdownAfterJobFinishes and deletionStrategy.deletionRules are mutually exclusive"
    if rules and old:
        yield at, "cannot use both onSuccess or onFailure and deletionRules"
    elif old:
        yield from _legacy(spec, strategy, old)
    elif rules:
        yield from _rules(spec, rules)
    else:
        yield at, "either both onSuccess and onFailure, or deletionRules must be set"


def _legacy(spec: dict[str, Any], strategy: dict[str, Any], old: list[str]) -> Iterator[tuple[str, str]]:
    if len(old) < 2:
        yield "deletionStrategy", "both onSuccess and onFailure must be set"
    policies = [table(strategy[name]).get("policy") for name in old]
    if None in policies:
        yield "deletionStrategy", "the policy of onSuccess and onFailure cannot be unset"
    yield from _fits(spec, policies, "deletionStrategy")
    if spec.get("shutdownAfterJobFinishes") is True and "DeleteNone" in policies:
        yield "deletionStrategy", "shutdownAfterJobFinishes is true while the policy is DeleteNone"


def _fits(spec: dict[str, Any], policies: list[Any], at: str) -> Iterator[tuple[str, str]]:
    for policy in policies:
        if spec.get("clusterSelector") and policy in _ORDER[:2]:
            yield at, f"{policy} is not supported when clusterSelector is set"
        if policy == "DeleteWorkers" and dig(spec, "rayClusterSpec.enableInTreeAutoscaling") is True:
            yield at, "DeleteWorkers is not supported with autoscaling enabled"


def _rules(spec: dict[str, Any], rules: list[tuple[int, dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    seen: dict[tuple[Any, Any], int] = {}
    for i, rule in rules:
        at, policy = join("deletionStrategy.deletionRules", i), rule.get("policy")
        condition = table(rule.get("condition"))
        ttl = condition.get("ttlSeconds") or 0
        status = condition.get("jobStatus") or condition.get("jobDeploymentStatus")
        if ttl < 0:
            yield at, "ttlSeconds must be non-negative"
        yield from _fits(spec, [policy], at)
        if (status, policy) in seen:
            yield at, f"duplicate rule for {policy} and {status}"
        seen[status, policy] = ttl
    for status in {status for status, _ in seen}:
        kept = [(policy, seen[status, policy]) for policy in _ORDER if (status, policy) in seen]
        for (before, first), (after, second) in zip(kept, kept[1:], strict=False):
            if second < first:
                yield "deletionStrategy.deletionRules", f"the TTL of {after} must be >= that of {before}"
