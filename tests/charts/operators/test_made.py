"""Pods, Services, probes and ports that operators make of the chart's objects, held to policies and monitors."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from control.charts.render import Object
from control.cluster.rayjob import rayjob
from control.cluster.settings import ClusterSettings
from tests.charts.chart import SETS, objects, value_set
from tests.charts.operators.made import AGENT, Made, make
from tests.charts.operators.network import Pod, allowed, matches
from training.run import TrainRequest

SUBMITTED = rayjob(
    TrainRequest(app="price", paths=("s3://data/prices.csv",)),
    ClusterSettings(namespace="slipway", secrets=("mlflow",)),
    "train-price-1",
    "s3://models/live",
)
"""What a trainer adds by `slipway train --on cluster`."""
OUTSIDE = {
    "prometheus": Pod("prometheus", {}, "monitoring"),
    "kuberay": Pod("kuberay-operator", {}, "kuberay-system"),
    "proxy": Pod("envoy", {}, "envoy-gateway-system"),
    "admitted": Pod("caller", {}, "gateway-system"),
    "neighbour": Pod("neighbour", {}),
    "stranger": Pod("stranger", {}, "elsewhere"),
    "dns": Pod("coredns", {}, "kube-system"),
    "api-server": Pod("kubernetes", {}, "default"),
    "bucket": Pod("bucket", {}, "internet", address="203.0.113.7"),
    "database": Pod("postgres", {}, "data"),
}
"""Who is no part of the release. `admitted` is the client that the set production names."""
HTTP, GRPC, DASHBOARD, GCS, METRICS, ANY = 8080, 8081, 8265, 6379, 8090, 10002


@cache
def made(name: str) -> Made:
    return make([*objects(value_set(name)).values(), *([SUBMITTED] if name == "production" else [])])


@cache
def policies(name: str) -> list[Object]:
    return [item for item in objects(value_set(name)).values() if item["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize("name", SETS)
def test_every_service_leads_to_a_port_of_its_pods(name: str) -> None:
    release = made(name)
    assert release.services
    for service in release.services:
        pods = release.behind(service)
        assert pods, f"{service.name} selects no pod"
        for target in service.ports.values():
            # KubeRay's Service for Serve also has the pods of models; the chart's own has gateways alone.
            there = [pod for pod in pods if target in {*pod.ports, *pod.ports.values()}]
            assert there == pods, f"{service.name}: {target}"


@pytest.mark.parametrize("name", SETS)
def test_every_probe_asks_a_port_that_is_there(name: str) -> None:
    for pod in made(name).pods:
        for container in pod.containers:
            declared = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe in container:
                    # KubeRay's own probes need wget, and find the gateway not ready while it has no version.
                    asked = container[probe]["httpGet"]["port"]
                    assert asked in {*declared, *declared.values(), AGENT}, (pod.name, probe)


@pytest.mark.parametrize("name", SETS)
def test_what_operators_add_is_as_restricted_as_the_rest(name: str) -> None:
    for pod, spec in made(name).specs.items():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        names = {volume["name"] for volume in spec["volumes"]} | {"ray-logs"}
        for container in [*spec["containers"], *spec.get("initContainers", ())]:
            security = container["securityContext"]
            assert security["capabilities"] == {"drop": ["ALL"]}, (pod, container["name"])
            assert security["allowPrivilegeEscalation"] is False and security["readOnlyRootFilesystem"] is True
            assert {mount["name"] for mount in container["volumeMounts"]} <= names
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}, (
                "nothing else is writable"
            )
            assert {"requests", "limits"} <= container["resources"].keys()


@pytest.mark.parametrize("name", SETS)
def test_ray_exports_its_metrics_where_the_port_says(name: str) -> None:
    for pod in made(name).pods:
        for container in pod.containers:
            if "x-metrics" in container:
                assert pod.ports["metrics"] == container["x-metrics"], pod.name


@pytest.mark.parametrize("name", ["gpu", "production"])
def test_monitors_find_ports_and_prometheus_reaches_them(name: str) -> None:
    release, found = made(name), []
    for item in objects(value_set(name)).values():
        if item["kind"] == "PodMonitor":
            (endpoint,) = item["spec"]["podMetricsEndpoints"]
            targets = [pod for pod in release.pods if matches(item["spec"]["selector"], pod.labels)]
            found += [(pod, pod.ports[endpoint["port"]]) for pod in targets if endpoint["port"] in pod.ports]
        if item["kind"] == "ServiceMonitor":
            found += [*_endpoints(release, item)]
    for pod, port in found:
        assert allowed(policies(name), OUTSIDE["prometheus"], pod, port), (pod.name, port)
        assert not allowed(policies(name), OUTSIDE["stranger"], pod, port), (pod.name, port)
    scraped = {pod.name for pod, _ in found}
    assert scraped >= {pod.name for part in ("gateway", "model", "ray-head", "triton") for pod in release.of(part)}


def _endpoints(release: Made, monitor: Object) -> list[tuple[Pod, int]]:
    """The pods and ports behind the Services that a ServiceMonitor selects."""
    (endpoint,) = monitor["spec"]["endpoints"]
    names = {"http": 80, "metrics": 8002}
    found = []
    for service in release.services:
        if matches(monitor["spec"]["selector"], service.labels):
            target = service.ports[names[endpoint["port"]]]
            found += [(pod, pod.ports[str(target)]) for pod in release.behind(service)]
    return found


FLOWS: list[tuple[str, str, int, bool]] = [
    ("prometheus", "gateway", HTTP, True),
    ("prometheus", "mlflow", 5000, False),
    ("prometheus", "ray-head", DASHBOARD, False),
    ("kuberay", "ray-head", DASHBOARD, True),
    ("kuberay", "ray-head", GCS, False),
    ("kuberay", "training", DASHBOARD, True),
    ("kuberay", "gateway", HTTP, True),
    ("proxy", "gateway", HTTP, True),
    ("proxy", "gateway", GRPC, True),
    ("proxy", "triton", 8001, False),
    ("admitted", "gateway", GRPC, True),
    ("neighbour", "gateway", HTTP, False),
    ("neighbour", "mlflow", 5000, False),
    ("neighbour", "ray-head", 10001, False),
    ("neighbour", "triton", 8001, False),
    ("stranger", "gateway", HTTP, False),
    ("gateway", "triton", 8001, True),
    ("gateway", "mlflow", 5000, False),
    ("gateway", "training", DASHBOARD, False),
    ("training", "mlflow", 5000, True),
    ("training", "training", DASHBOARD, True),
    ("training", "triton", 8001, False),
    ("training", "ray-head", GCS, False),
    ("training", "gateway", HTTP, False),
    ("job", "mlflow", 5000, True),
    ("job", "ray-head", DASHBOARD, False),
    ("test", "gateway", HTTP, True),
    ("test", "mlflow", 5000, False),
    ("mlflow", "gateway", HTTP, False),
    ("triton", "gateway", HTTP, False),
    ("ray-head", "api-server", 6443, True),
    ("triton", "api-server", 6443, True),
    ("gateway", "api-server", 6443, False),
    ("training", "api-server", 6443, False),
    ("training", "bucket", 443, True),
    ("mlflow", "bucket", 443, True),
    ("job", "bucket", 443, True),
    ("gateway", "bucket", 443, True),  # it copies the bucket before it starts
    ("gateway", "database", 5432, True),
    ("triton", "database", 5432, False),
    ("test", "database", 5432, False),
]
"""Who, whom, on which port, and whether it may."""


def who(release: Made, part: str) -> list[Pod]:
    if part in OUTSIDE:
        return [OUTSIDE[part]]
    found = release.of(part)
    assert found, part
    return found


@pytest.mark.parametrize(("source", "target", "port", "may"), FLOWS, ids=lambda value: str(value))
def test_who_may_reach_whom(source: str, target: str, port: int, may: bool) -> None:
    release = made("production")
    for one in who(release, source):
        for other in who(release, target):
            assert allowed(policies("production"), one, other, port) is may, (one.name, other.name)


@pytest.mark.parametrize("name", ["gpu", "production"])
def test_the_pods_of_a_ray_cluster_reach_each_other_and_no_other_group(name: str) -> None:
    release = made(name)
    heads = release.of("ray-head")
    assert heads
    for head in heads:
        for worker in [*release.of("gateway"), *release.of("model")]:
            same = worker.labels.get("ray.io/cluster") == head.labels["ray.io/cluster"]
            for port in (GCS, ANY):
                assert allowed(policies(name), worker, head, port) is same, (worker.name, head.name, port)
            assert allowed(policies(name), head, worker, ANY) is same, (head.name, worker.name)


@pytest.mark.parametrize("name", SETS)
def test_every_pod_of_the_release_is_closed_and_asks_the_dns(name: str) -> None:
    for pod in made(name).pods:
        for port in (53, 5353):
            assert allowed(policies(name), pod, OUTSIDE["dns"], port), pod.name
        for outside in ("neighbour", "stranger"):
            assert not allowed(policies(name), OUTSIDE[outside], pod, 22), pod.name
        assert not allowed(policies(name), pod, OUTSIDE["stranger"], 25), pod.name


@pytest.mark.parametrize("name", SETS)
def test_an_accounts_token_is_only_where_it_is_used(name: str) -> None:
    for pod in made(name).pods:
        spec: dict[str, Any] = made(name).specs[pod.name]
        expected = pod.labels["slipway.dev/part"] == "ray-head"
        mounts = spec.get("automountServiceAccountToken", spec.get("serviceAccountName") == "slipway-ray")
        assert mounts is expected, pod.name
