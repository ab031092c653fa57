from __future__ import annotations

from benchmarks.manifests.edit import both, drop, put
from control.lint.manifests.checks.network import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: %s}"


def test_good_networks() -> None:
    assert found(check, good_bundle()) == []


def test_services_without_a_selector_are_somebody_elses() -> None:
    assert found(check, bundle(SERVICE % "{ports: [{port: 80}]}")) == []
    assert found(check, bundle(SERVICE % "{type: ExternalName, externalName: b, selector: {a: b}}")) == []
    assert found(check, bundle(SERVICE % "{selector: {a: b}, ports: [{port: 80}]}")) == [
        ("SLW302", "spec.selector")
    ]


def test_a_number_need_not_be_declared_but_a_name_must() -> None:
    port = "spec ports 1 targetPort"
    assert found(check, good_bundle("Service/gateway", drop(port))) == []
    assert found(check, good_bundle("Service/gateway", put(port, 9999))) == []
    assert found(check, good_bundle("Service/gateway", put(port, "web"))) == [
        ("SLW303", "spec.ports[1].targetPort")
    ]


def test_a_node_port_outside_of_the_default_range() -> None:
    assert found(check, bundle(SERVICE % "{type: NodePort, ports: [{port: 80, nodePort: 8080}]}")) == [
        ("SLW311", "spec.ports[0].nodePort")
    ]
    assert found(check, bundle(SERVICE % "{type: NodePort, ports: [{port: 80, nodePort: 30080}]}")) == []


def test_the_ports_kuberay_adds_are_there() -> None:
    assert found(check, good_bundle("Service/price", put("spec ports 0 targetPort", "dashboard"))) == []


def test_a_policy_for_every_pod_and_for_other_namespaces() -> None:
    every = put("spec podSelector", {})
    other = put("spec ingress 0 from 0", {"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}})
    assert found(check, good_bundle("NetworkPolicy/gateway", both(every, other))) == []


def test_a_pod_monitor_looks_at_pods() -> None:
    text = """
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: m}
spec:
  selector: {matchLabels: {a: b}}
  podMetricsEndpoints: [{port: web}]
---
{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {a: b}}, spec: {containers: [{ports: [{name: %s}]}]}}
"""
    assert found(check, bundle(text % "web")) == []
    assert found(check, bundle(text % "http")) == [("SLW308", "spec.podMetricsEndpoints[0].port")]
    assert found(check, bundle(text.replace("a: b}}, spec", "c: d}}, spec") % "web")) == [
        ("SLW308", "spec.selector")
    ]


def test_a_policy_for_pods_that_come_later_says_so() -> None:
    policy = (
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: trainings%s}, spec: "
        "{podSelector: {matchLabels: {part: training}}, policyTypes: [Ingress], ingress: "
        "[{from: [{podSelector: {matchLabels: {part: other}}}]}]}}"
    )
    assert ("SLW304", "spec.podSelector") in found(check, bundle(policy % ""))
    assert found(check, bundle(policy % ", annotations: {slipway.dev/external: pods/trainings}")) == []
