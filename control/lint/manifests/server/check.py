"""Check an object of a built-in kind as the API server does after it has decoded it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from control.lint.manifests.server.claims import claim
from control.lint.manifests.server.kinds import (
    access,
    autoscaling,
    cluster,
    contents,
    ingresses,
    jobs,
    policies,
    quotas,
    services,
    workloads,
)
from control.lint.manifests.server.refusal import Refusal

__all__ = ["KINDS", "check", "covers", "older"]

KINDS: dict[tuple[str, str], Callable[[dict[str, Any]], Iterator[Refusal]]] = {
    ("", "ConfigMap"): contents.config_map,
    ("", "Endpoints"): services.endpoints,
    ("", "LimitRange"): quotas.limit_range,
    ("", "Namespace"): cluster.namespace,
    ("", "PersistentVolume"): cluster.volume,
    ("", "PersistentVolumeClaim"): claim,
    ("", "Pod"): workloads.pod,
    ("", "PodTemplate"): workloads.pod_template,
    ("", "ReplicationController"): workloads.replication_controller,
    ("", "ResourceQuota"): quotas.quota,
    ("", "Secret"): contents.secret,
    ("", "Service"): services.service,
    ("", "ServiceAccount"): cluster.named,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): autoscaling.autoscaler,
    ("batch", "CronJob"): jobs.cron_job,
    ("batch", "Job"): jobs.job,
    ("discovery.k8s.io", "EndpointSlice"): services.endpoint_slice,
    ("networking.k8s.io", "Ingress"): ingresses.ingress,
    ("networking.k8s.io", "IngressClass"): ingresses.ingress_class,
    ("networking.k8s.io", "NetworkPolicy"): policies.network_policy,
    ("node.k8s.io", "RuntimeClass"): cluster.runtime_class,
    ("policy", "PodDisruptionBudget"): autoscaling.disruption_budget,
    ("rbac.authorization.k8s.io", "ClusterRole"): access.role(namespaced=False),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): access.binding(namespaced=False),
    ("rbac.authorization.k8s.io", "Role"): access.role(namespaced=True),
    ("rbac.authorization.k8s.io", "RoleBinding"): access.binding(namespaced=True),
    ("scheduling.k8s.io", "PriorityClass"): cluster.priority_class,
    ("storage.k8s.io", "StorageClass"): cluster.storage_class,
}
"""Group and kind -> its rules."""
OLDER: dict[tuple[str, str], Callable[[dict[str, Any]], Iterator[Refusal]]] = {
    ("", "Service"): services.older_service
}
"""Group and kind -> the rules that only older servers have."""


def covers(body: dict[str, Any]) -> bool:
    """Return whether the rules of an object's kind are known."""
    return _key(body) in KINDS


def check(body: dict[str, Any]) -> list[Refusal]:
    """Return what the server refuses; nothing where the rules of the kind are not known."""
    rules = KINDS.get(_key(body))
    return [] if rules is None else list(dict.fromkeys(rules(body)))


def older(body: dict[str, Any]) -> list[Refusal]:
    """Return what only servers before 1.36 refuse."""
    rules = OLDER.get(_key(body))
    return [] if rules is None else list(rules(body))


def _key(body: dict[str, Any]) -> tuple[str, str]:
    return str(body.get("apiVersion", "")).rpartition("/")[0], str(body.get("kind", ""))
