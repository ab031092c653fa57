"""What holds of every object of every value set."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from control.charts.render import CHART, Object, render
from tests.charts.chart import SETS, TEMPLATES, pods, value_set

PROBED = ("Deployment", "RayService", "ServingRuntime")
ADVICE = 1
"""Helm would like an icon."""
CLUSTER_WIDE = ("PriorityClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@pytest.fixture(scope="module", params=list(SETS))
def rendered(request: pytest.FixtureRequest) -> list[Object]:
    return render(value_set(request.param))


def containers(items: list[Object]) -> list[tuple[str, dict[str, Any]]]:
    return [(item["kind"], one) for item in items for pod in pods(item) for one in pod["containers"]]


def test_every_template_is_rendered_by_a_set() -> None:
    import helm_python as helm

    seen = set()
    for name in SETS:
        with helm.Chart.load(str(CHART)) as chart:
            texts = chart.render(value_set(name), name="slipway", namespace="slipway")
        made = {path: text for path, text in texts.items() if path.endswith(".yaml")}
        seen |= {path.rpartition("/")[2] for path, text in made.items() if any(yaml.safe_load_all(text))}
    # Cilium's definitions are not among the schemas, so no set has its policies: test_network.py.
    assert set(TEMPLATES) - {"ciliumnetworkpolicy.yaml"} <= seen


@pytest.mark.parametrize("name", list(SETS))
def test_helm_finds_nothing(name: str) -> None:
    import helm_python as helm

    messages = helm.lint(str(CHART), value_set(name), strict=True)["messages"]
    assert [message["error"] for message in messages if message["severity"] > ADVICE] == []


def test_containers_are_confined(rendered: list[Object]) -> None:
    for kind, container in containers(rendered):
        name = container["name"]
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"], (kind, name)
        assert security["capabilities"] == {"drop": ["ALL"]}, (kind, name)
        assert container["image"].rpartition(":")[2] not in ("", "latest"), (kind, name)
        assert set(container["resources"]["limits"]) >= {"cpu", "memory"}, (kind, name)
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}, (kind, name)
        if kind in PROBED:
            assert {"livenessProbe", "readinessProbe"} <= set(container), (kind, name)


def test_pods_are_unprivileged_and_mount_what_is_there(rendered: list[Object]) -> None:
    for item in rendered:
        for pod in pods(item):
            if item["kind"] != "ServingRuntime":  # KServe takes that from the InferenceService
                security = pod["securityContext"]
                assert security["runAsNonRoot"]
                assert {security.get("runAsUser"), security.get("runAsGroup")} in ({10001}, {None}), (
                    "None: OpenShift's"
                )
                assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            volumes = {volume["name"] for volume in pod["volumes"]}
            for container in pod["containers"]:
                mounts = container["volumeMounts"]
                assert {mount["name"] for mount in mounts} <= volumes
                assert "/tmp" in {mount["mountPath"] for mount in mounts}
                names = [variable["name"] for variable in container.get("env", [])]
                assert len(names) == len(set(names)), names


def test_gateways_cannot_write_to_the_model_repository(rendered: list[Object]) -> None:
    for item in rendered:
        for pod in pods(item):
            if item["kind"] in ("RayService", "Deployment"):
                assert all(mount.get("readOnly") for one in pod["containers"] for mount in models_of(one))


def models_of(container: dict[str, Any]) -> list[dict[str, Any]]:
    return [mount for mount in container["volumeMounts"] if mount["name"] == "models"]


def test_objects_are_in_the_release_and_say_so(rendered: list[Object]) -> None:
    for item in rendered:
        metadata = item["metadata"]
        assert metadata["labels"]["app.kubernetes.io/instance"] == "slipway"
        assert ("namespace" in metadata) == (item["kind"] not in CLUSTER_WIDE)
        assert len(metadata["name"]) <= 47


def test_services_find_pods_and_ports(rendered: list[Object]) -> None:
    labels = [template["labels"] for item in rendered for template in pod_metadata(item)]
    ports = {port["name"] for item in rendered for pod in pods(item) for port in ports_of(pod)}
    for item in rendered:
        if item["kind"] == "Service":
            selector = item["spec"]["selector"].items()
            assert any(selector <= each.items() for each in labels), item["metadata"]["name"]
            assert {port["targetPort"] for port in item["spec"]["ports"]} <= ports


def ports_of(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [port for container in pod["containers"] for port in container.get("ports", [])]


def pod_metadata(item: Any) -> list[dict[str, Any]]:
    """The metadata beside every pod spec; of an InferenceService, the predictor's labels."""
    if item.get("kind") == "InferenceService":
        return [{"labels": item["spec"]["predictor"]["labels"]}]
    found, left = [], [item]
    while left:
        here = left.pop()
        if isinstance(here, dict):
            if "labels" in here.get("metadata", {}) and "spec" in here and "kind" not in here:
                found.append(here["metadata"])
            left += here.values()
        elif isinstance(here, list):
            left += here
    return found


def test_what_an_account_or_a_class_is_called_exists(rendered: list[Object]) -> None:
    names = {(item["kind"], item["metadata"]["name"]) for item in rendered}
    names.add(("PriorityClass", "high"))  # the set `company` names it as one of the cluster
    for item in rendered:
        for pod in pods(item):
            if item["kind"] != "ServingRuntime":
                assert ("ServiceAccount", pod["serviceAccountName"]) in names
            if "priorityClassName" in pod:
                assert ("PriorityClass", pod["priorityClassName"]) in names
