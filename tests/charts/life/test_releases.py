"""Two releases in a namespace, and two of one name in a cluster."""

from __future__ import annotations

from functools import cache

import pytest

from control.charts.render import Object, render
from tests.charts.chart import value_set
from tests.charts.operators.made import Made, make
from tests.charts.operators.network import allowed, matches

CLUSTER_WIDE = ("PriorityClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@cache
def released(name: str, namespace: str = "slipway") -> tuple[Object, ...]:
    return tuple(render(value_set("production"), name=name, namespace=namespace))


def names(items: tuple[Object, ...], *kinds: str) -> set[tuple[str, str]]:
    return {(item["kind"], item["metadata"]["name"]) for item in items if not kinds or item["kind"] in kinds}


def test_releases_of_one_name_share_nothing_that_is_cluster_wide() -> None:
    one, other = released("slipway"), released("slipway", "staging")
    assert {kind for kind, _ in names(one, *CLUSTER_WIDE)} == set(CLUSTER_WIDE)
    assert not names(one, *CLUSTER_WIDE) & names(other, *CLUSTER_WIDE)
    for item in other:
        if item["kind"] in CLUSTER_WIDE:
            assert "staging" in item["metadata"]["name"]
        else:
            assert item["metadata"]["namespace"] == "staging"
    (policy,) = (item for item in other if item["kind"] == "ValidatingAdmissionPolicy")
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": "staging"}}
    assert policy["spec"]["matchConstraints"]["namespaceSelector"] == namespace, "it is for its own namespace"


def test_releases_in_a_namespace_share_no_object() -> None:
    assert not names(released("slipway")) & names(released("second"))


@pytest.fixture(scope="module")
def both() -> tuple[Made, Made]:
    return make(released("slipway")), make(released("second"))


def test_selectors_of_a_release_find_its_own_pods_alone(both: tuple[Made, Made]) -> None:
    for items, others in ((released("slipway"), both[1]), (released("second"), both[0])):
        for item in items:
            selector = item["spec"].get("selector") or item["spec"].get("podSelector") if "spec" in item else None
            if isinstance(selector, dict) and item["kind"] != "Service":
                found = [pod.name for pod in others.pods if matches(selector, pod.labels)]
            elif item["kind"] == "Service":
                found = [pod.name for pod in others.pods if selector.items() <= pod.labels.items()]
            else:
                continue
            assert found == [], (item["kind"], item["metadata"]["name"])


def test_a_release_does_not_reach_the_inside_of_another(both: tuple[Made, Made]) -> None:
    policies = [
        item
        for items in (released("slipway"), released("second"))
        for item in items
        if item["kind"] == "NetworkPolicy"
    ]
    one, other = both
    for source in (one.of("gateway")[0], one.of("ray-head")[0], one.of("training")[0], one.of("job")[0]):
        for part, port in (("ray-head", 6379), ("ray-head", 8265), ("mlflow", 5000), ("triton", 8001)):
            for target in other.of(part):
                assert not allowed(policies, source, target, port), (source.name, target.name, port)
