from __future__ import annotations

import pytest

from control.lint.manifests.server.pod_security import check, violations
from tests.control.lint.manifests.made import bundle, found
from tests.control.lint.manifests.server.said import value

SAFE = (
    "securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: {drop: [ALL]}, "
    "seccompProfile: {type: RuntimeDefault}}"
)
NAMESPACE = """
{apiVersion: v1, kind: Namespace, metadata: {name: n, labels: {pod-security.kubernetes.io/enforce: %s}}}
---
"""
POD = "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: %s}, spec: {containers: [{name: a}]}}"


def reasons(spec: str, level: str) -> list[str]:
    return [reason.partition(" (")[0] for _, reason in violations(value("{" + spec + "}"), level)]


def test_a_safe_pod_meets_both_levels() -> None:
    for level in ("baseline", "restricted"):
        assert reasons(f"containers: [{{name: a, {SAFE}}}], volumes: [{{name: v, emptyDir: {{}}}}]", level) == []


def test_a_plain_pod_meets_one_level_only() -> None:
    assert reasons("containers: [{name: a}]", "baseline") == []
    assert reasons("containers: [{name: a}]", "restricted") == [
        "allowPrivilegeEscalation != false",
        "unrestricted capabilities",
        "runAsNonRoot != true",
        "seccompProfile",
    ]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("hostNetwork: true", "host namespaces"),
        ("volumes: [{name: v, hostPath: {path: /}}]", "hostPath volumes"),
        ("containers: [{name: a, securityContext: {privileged: true}}]", "privileged"),
        (
            "containers: [{name: a, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]",
            "non-default capabilities",
        ),
        ("initContainers: [{name: a, ports: [{containerPort: 1, hostPort: 1}]}]", "hostPort"),
        ("securityContext: {sysctls: [{name: kernel.msgmax, value: a}]}", "forbidden sysctls"),
        ("securityContext: {seccompProfile: {type: Unconfined}}", "seccompProfile"),
        ("containers: [{name: a, securityContext: {procMount: Unmasked}}]", "procMount"),
        ("securityContext: {seLinuxOptions: {user: root}}", "seLinuxOptions"),
    ],
)
def test_what_the_level_baseline_refuses(spec: str, reason: str) -> None:
    assert reasons(spec, "baseline") == [reason]


def test_the_level_is_that_of_the_pods_own_namespace() -> None:
    assert len(found(check, bundle(NAMESPACE % "restricted" + POD % "n"))) == 4
    assert found(check, bundle(NAMESPACE % "baseline" + POD % "n")) == []
    assert found(check, bundle(NAMESPACE % "privileged" + POD % "n")) == []
    assert found(check, bundle(NAMESPACE % "restricted" + POD % "other")) == []
