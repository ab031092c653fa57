"""Where traffic that leaves the release may go: by CIDR, namespace, pod and, with Cilium, by name."""

from __future__ import annotations

from typing import Any

import pytest

from control.charts.render import ChartError, render
from tests.charts.chart import ALL, OPEN, objects, of_kind
from tests.charts.operators.made import make
from tests.charts.operators.network import Pod, allowed

DATA = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}}}
DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
EGRESS = {"databases": [DATA], "apiServer": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "dns": [DNS]}
LIMITED = {**ALL, "networkPolicies": {"egress": EGRESS}}
COREDNS = Pod("coredns", {"k8s-app": "kube-dns"}, "kube-system")


@pytest.mark.parametrize(
    ("part", "target", "port", "may"),
    [
        ("gateway", Pod("postgres", {}, "data"), 5432, True),
        ("gateway", Pod("postgres", {}, "elsewhere"), 5432, False),
        ("ray-head", Pod("kubernetes", {}, "default", address="10.0.0.1"), 6443, True),
        ("ray-head", Pod("kubernetes", {}, "default", address="10.0.0.2"), 6443, False),
        ("gateway", COREDNS, 53, True),
        ("gateway", COREDNS, 5353, True),
        ("gateway", Pod("impostor", {}, "kube-system"), 53, False),
    ],
)
def test_peers_limit_the_destinations(part: str, target: Pod, port: int, may: bool) -> None:
    release = make(objects(LIMITED).values())
    policies = [*of_kind(LIMITED, "NetworkPolicy").values()]
    assert [allowed(policies, pod, target, port) for pod in release.of(part)] == [may]


def test_names_are_ciliums() -> None:
    hosts = ["s3.eu-west-1.amazonaws.com", "*.example.com"]
    named = {"provider": "cilium", "storage": hosts, "databases": ["db.example.com"]}
    values = {
        **ALL,
        "networkPolicies": {"fqdns": named, "egress": {"databases": [DATA]}, "storagePorts": [443, 9000]},
    }
    found = of_kind(values, "CiliumNetworkPolicy")
    assert set(found) == {"slipway-storage", "slipway-databases"}
    spec = found["slipway-storage"]["spec"]
    (parts,) = spec["endpointSelector"]["matchExpressions"]
    assert parts["values"] == ["training", "mlflow", "job"]
    copied = of_kind({**values, "repositorySync": {"enabled": True, "source": "s3://a"}}, "CiliumNetworkPolicy")
    (parts,) = copied["slipway-storage"]["spec"]["endpointSelector"]["matchExpressions"]
    assert parts["values"] == ["training", "mlflow", "job", "gateway", "model", "ray-head"], "they copy it first"
    dns, rule = spec["egress"]
    assert dns["toPorts"][0]["rules"] == {"dns": [{"matchPattern": "*"}]}, "Cilium learns addresses from DNS"
    assert rule["toFQDNs"] == [{"matchName": hosts[0]}, {"matchPattern": hosts[1]}]
    assert [port["port"] for port in rule["toPorts"][0]["ports"]] == ["443", "9000"]
    policies = of_kind(values, "NetworkPolicy")
    assert "slipway-storage" not in policies, "it would allow every host"
    assert policies["slipway-databases"]["spec"]["egress"][0]["to"] == [DATA]
    assert (
        of_kind({**ALL, **OPEN, "networkPolicies": {"enabled": False, "fqdns": named}}, "CiliumNetworkPolicy")
        == {}
    )


def test_mlflow_admits_whom_it_is_told_to() -> None:
    mlflow = {"mlflow": {"enabled": True, "artifacts": "s3://a"}, "secrets": {"mlflow": {"name": "x"}}}
    values = {**ALL, **mlflow, "networkPolicies": {"mlflowClients": [DATA]}}
    (server,) = make(objects(values).values()).of("mlflow")
    policies = [*of_kind(values, "NetworkPolicy").values()]
    assert allowed(policies, Pod("notebook", {}, "data"), server, 5000)
    assert not allowed(policies, Pod("notebook", {}), server, 5000)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"egress": {"databases": [{"ipBlock": {"cidr": "10.0.0.1"}}]}}, "cidr"),
        ({"egress": {"storage": [{}]}}, "storage"),
        ({"egress": {"buckets": []}}, "buckets"),
        ({"fqdns": {"provider": "calico"}}, "provider"),
        ({"fqdns": {"storage": ["https://s3"]}}, "storage"),
        ({"mlflowClients": [{"namespace": "data"}]}, "namespace"),
    ],
)
def test_what_is_no_destination_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartError, match=said):
        render({"networkPolicies": values})
