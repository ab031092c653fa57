"""Two releases in a namespace, and two of one name in a cluster."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.charts.render import CHART, ChartError, Object, render
from tests.charts.chart import value_set
from tests.charts.operators.made import Made, make
from tests.charts.operators.network import allowed, matches

RAY: dict[str, Any] = {
    "auth": {"keys": {"name": "keys"}, "operations": {"name": "operations"}},
    "groupPerApp": False,
    "groups": {"price": {"runtime": "ray"}},
    "ingress": {"enabled": True, "grpcHost": "grpc.example.com"},
    "metrics": {"serviceMonitor": True, "rules": True},
    "mlflow": {"enabled": True, "artifacts": "s3://mlflow"},
    "modelRepository": {"accessModes": ["ReadWriteMany"]},
    "networkPolicies": {"fqdns": {"provider": "cilium", "databases": ["db.example.com"]}},
    "priority": {"create": True},
    "rbac": {"trainers": [{"kind": "User", "name": "ann"}]},
    "repositorySync": {"enabled": True, "source": "s3://models"},
    "routes": {"enabled": True},
    "secrets": {"mlflow": {"name": "mlflow"}},
    "training": {"bootstrap": {"enabled": True}, "jobs": {"nightly": {"app": "price", "schedule": "@daily"}}},
    "triton": {"enabled": True},
}
"""Every kind of object, on Ray."""
PROCESS: dict[str, Any] = {
    **RAY,
    "groups": {
        "price": {"canary": {"weight": 10}, "settings": {"SLIPWAY_TRITON_URL": "triton:8001"}},
        "vendor": {"scaling": "keda"},
    },
    "mlflow": {"url": "http://mlflow:5000"},
    "triton": {"enabled": False},
}
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


@cache
def every_name(values: str, release: str) -> set[tuple[str, str]]:
    """Kinds and names of a release's objects, and of the Services that operators make of them."""
    items = tuple(render(yaml.safe_load(values), name=release, namespace="slipway"))
    return names(items) | {("Service", service.name) for service in make(items).services}


def neighbours(found: set[tuple[str, str]], release: str) -> set[str]:
    """Names of other releases, of which some object could be called as one of this release is."""
    endings: dict[str, list[str]] = {}
    for kind, name in found:
        endings.setdefault(kind, []).append(name.removeprefix(release))
    return {
        release + long.removesuffix(short)
        for own in endings.values()
        for long in own
        for short in own
        if long.endswith(short) and long.removesuffix(short).startswith("-")
    }


def test_names_of_releases_meet_nowhere_though_one_begins_as_the_other() -> None:
    seen: set[str] = set()
    for values in (yaml.safe_dump(RAY), yaml.safe_dump(PROCESS)):
        one = every_name(values, "a")
        others = neighbours(one, "a")
        for other in others:
            assert not one & every_name(values, other), other
        seen |= others
    assert {"a-ray", "a-triton", "a-grpc"} <= seen, "these have objects with the release's name alone"
    ray = yaml.safe_dump(RAY)
    for other in ("a-gateway", "a-mlflow", "a-account"):
        assert not every_name(ray, "a") & every_name(ray, other)
    assert not every_name(ray, "a-ray") & every_name(ray, "a-ray-account")


def test_cluster_wide_names_tell_the_release_from_the_namespace() -> None:
    one = tuple(render(RAY, name="a", namespace="b-c"))
    other = tuple(render(RAY, name="a-b", namespace="c"))
    assert not names(one, *CLUSTER_WIDE) & names(other, *CLUSTER_WIDE)
    assert ("PriorityClass", "a-b.c-serving") in names(other)


def test_a_name_with_a_dot_is_refused() -> None:
    with pytest.raises(ChartError, match="""set fullnameOverride to \\"a-b\\" or"""):
        render({}, name="a.b")
    assert ("ServiceAccount", "a-b") in names(tuple(render({"fullnameOverride": "a-b"}, name="a.b")))


def with_cluster(folder: Path, template: str, call: str, there: dict[str, Any], root: str = "$") -> Path:
    """Return a chart in which a call of `lookup` finds an object."""
    chart = folder / "slipway"
    shutil.copytree(CHART, chart)
    path = chart / "templates" / template
    assert call in path.read_text()
    path.write_text(path.read_text().replace(call, f'(fromYaml ({root}.Files.Get "there.yaml"))'))
    (chart / "there.yaml").write_text(yaml.safe_dump(there))
    return chart


@pytest.mark.parametrize(("release", "account"), [("a-ray", "a-ray"), ("another", "a-ray-account")])
def test_an_account_that_the_release_has_already_keeps_its_name(
    release: str, account: str, tmp_path: Path
) -> None:
    there = {"metadata": {"labels": {"app.kubernetes.io/instance": release}}}
    call = "(lookup .version .kind .root.Release.Namespace $name)"
    chart = with_cluster(tmp_path, "_names.tpl", call, there, root=".root")
    found = names(tuple(render({}, chart, name="a-ray")), "ServiceAccount")
    assert ("ServiceAccount", account) in found


def test_a_group_that_would_take_the_objects_of_another_release_is_refused(tmp_path: Path) -> None:
    call = '(lookup "v1" "Service" $.Release.Namespace .name)'
    there = {"metadata": {"labels": {"slipway.dev/release": "a"}}}
    chart = with_cluster(tmp_path, "_validate.tpl", call, there)
    assert render({}, chart, name="a")
    said = "groups.shared: its objects would have the name a-b-shared, as those of the release a have; rename the"
    with pytest.raises(ChartError, match=said):
        render({}, chart, name="a-b")


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
