"""Fields of built-in kinds that allow only a few values, which their schemas do not list."""

from __future__ import annotations

from collections.abc import Iterator

from control.lint.finding import Finding
from control.lint.manifests.objects.resource import Bundle
from control.lint.manifests.objects.tree import every

__all__ = ["check"]

_POLICY = ("Cluster", "Local")
_PROTOCOL = ("TCP", "UDP", "SCTP")
_ACCESS = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_TARGET = ("Utilization", "Value", "AverageValue")
_SELECT = ("Max", "Min", "Disabled")
_RATE = ("Pods", "Percent")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "Service": {
        "spec.type": ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
        "spec.sessionAffinity": ("None", "ClientIP"),
        "spec.externalTrafficPolicy": _POLICY,
        "spec.internalTrafficPolicy": _POLICY,
        "spec.ipFamilyPolicy": ("SingleStack", "PreferDualStack", "RequireDualStack"),
        "spec.ports[*].protocol": _PROTOCOL,
    },
    "Deployment": {"spec.strategy.type": ("Recreate", "RollingUpdate")},
    "DaemonSet": {"spec.updateStrategy.type": ("OnDelete", "RollingUpdate")},
    "StatefulSet": {
        "spec.podManagementPolicy": ("OrderedReady", "Parallel"),
        "spec.updateStrategy.type": ("OnDelete", "RollingUpdate"),
        "spec.volumeClaimTemplates[*].spec.accessModes[*]": _ACCESS,
    },
    "PersistentVolumeClaim": {
        "spec.accessModes[*]": _ACCESS,
        "spec.volumeMode": ("Filesystem", "Block"),
    },
    "CronJob": {"spec.concurrencyPolicy": ("Allow", "Forbid", "Replace")},
    "Job": {"spec.completionMode": ("NonIndexed", "Indexed")},
    "HorizontalPodAutoscaler": {
        "spec.metrics[*].type": ("Resource", "ContainerResource", "Pods", "Object", "External"),
        **{f"spec.metrics[*].{kind}.target.type": _TARGET for kind in ("resource", "pods", "object", "external")},
        "spec.metrics[*].containerResource.target.type": _TARGET,
        "spec.behavior.scaleUp.selectPolicy": _SELECT,
        "spec.behavior.scaleDown.selectPolicy": _SELECT,
        "spec.behavior.scaleUp.policies[*].type": _RATE,
        "spec.behavior.scaleDown.policies[*].type": _RATE,
    },
    "NetworkPolicy": {
        "spec.policyTypes[*]": ("Ingress", "Egress"),
        "spec.ingress[*].ports[*].protocol": _PROTOCOL,
        "spec.egress[*].ports[*].protocol": _PROTOCOL,
        "spec.podSelector.matchExpressions[*].operator": _OPERATORS,
    },
    "PodDisruptionBudget": {
        "spec.unhealthyPodEvictionPolicy": ("IfHealthyBudget", "AlwaysAllow"),
        "spec.selector.matchExpressions[*].operator": _OPERATORS,
    },
    "PriorityClass": {"preemptionPolicy": ("PreemptLowerPriority", "Never")},
    "RoleBinding": {
        "roleRef.kind": ("Role", "ClusterRole"),
        "subjects[*].kind": ("User", "Group", "ServiceAccount"),
    },
    "ClusterRoleBinding": {
        "roleRef.kind": ("ClusterRole",),
        "subjects[*].kind": ("User", "Group", "ServiceAccount"),
    },
}
"""Kind -> path -> allowed values."""


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield values that are not allowed."""
    for kind, places in VALUES.items():
        for resource in bundle.of(kind):
            for pattern, allowed in places.items():
                for path, value in every(resource.body, pattern):
                    if value not in allowed:
                        message = f"{value!r} is not one of {', '.join(allowed)}"
                        yield resource.finding("SLW204", path, message)
