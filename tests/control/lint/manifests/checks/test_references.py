from __future__ import annotations

import pytest

from benchmarks.manifests.edit import Change, append, put
from control.lint.manifests.checks.references import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

POD = "spec template spec"
BOX = f"{POD} containers 0"


def test_good_references() -> None:
    assert found(check, good_bundle()) == []


@pytest.mark.parametrize(
    "change",
    [
        put(f"{BOX} env 1 valueFrom secretKeyRef", {"name": "gone", "key": "a", "optional": True}),
        put(f"{POD} serviceAccountName", "default"),
        put(f"{POD} priorityClassName", "system-node-critical"),
        put("metadata annotations", {"slipway.dev/external": "secret/db, priorityclass/high"}),
    ],
)
def test_what_need_not_be_there(change: Change) -> None:
    assert found(check, good_bundle("Deployment/gateway", change)) == []


def test_projected_volumes() -> None:
    sources = [
        {"configMap": {"name": "gateway", "items": [{"key": "gone", "path": "a"}]}},
        {"secret": {"name": "gone"}},
    ]
    change = append(f"{POD} volumes", {"name": "p", "projected": {"sources": sources}})
    at = "spec.template.spec.volumes[3].projected.sources"
    assert found(check, good_bundle("Deployment/gateway", change)) == [
        ("SLW502", f"{at}[0].configMap.items[0].key"),
        ("SLW501", f"{at}[1].secret"),
    ]


@pytest.mark.parametrize(
    "maker",
    [
        "{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: x}, spec: {secretName: tls}}",
        "{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: tls}, spec: {}}",
        "{apiVersion: e.io/v1, kind: ExternalSecret, metadata: {name: x}, spec: {target: {name: tls}}}",
    ],
)
def test_operators_make_secrets(maker: str) -> None:
    spec = "spec: {tls: [{secretName: tls}]}"
    ingress = f"{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: a}}, {spec}}}"
    assert found(check, bundle(f"{ingress}\n---\n{maker}")) == []
    assert found(check, bundle(ingress)) == [("SLW501", "spec.tls[0].secretName")]


def test_cluster_roles_are_there_on_every_cluster() -> None:
    change = put("roleRef", {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"})
    assert found(check, good_bundle("RoleBinding/gateway", change)) == []


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("apiGroups: ['', apps, batch/v1]", "apiGroups"),
        ("apiGroups: [v1beta1]", "apiGroups"),
        ("apiGroups: [apps, '*', metrics.k8s.io], resources: [pods/log, Deployments]", "resources"),
    ],
)
def test_roles_of_versions_and_kinds(rule: str, field: str) -> None:
    role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}, rules: [{%s}]}"
    assert found(check, bundle(role % rule)) == [("SLW507", f"rules[0].{field}")]
