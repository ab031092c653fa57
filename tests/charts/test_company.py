"""What companies add to every workload, in the value set `company`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.chart import CHART, SETS, objects, of_kind, pod_templates, pods, value_set

COMPANY = value_set("company")


def test_every_object_and_every_pod_has_the_labels() -> None:
    for (kind, name), item in objects(COMPANY).items():
        if kind != "ConfigMap":
            assert COMPANY["commonLabels"].items() <= item["metadata"]["labels"].items(), (kind, name)
        for template in pod_templates(item):
            wanted = COMPANY["commonLabels"] | COMPANY["podLabels"]
            assert wanted.items() <= template["metadata"]["labels"].items(), (kind, name)
            assert template["metadata"]["annotations"] == COMPANY["podAnnotations"], (kind, name)


def test_every_pod_has_the_account_the_volumes_and_the_variables() -> None:
    accounts = of_kind(COMPANY, "ServiceAccount")
    assert set(accounts) == {"forecasting", "forecasting-ray"}
    assert all(
        one["metadata"]["annotations"] == COMPANY["serviceAccount"]["annotations"] for one in accounts.values()
    )
    seen = 0
    for (kind, name), item in objects(COMPANY).items():
        for pod in pods(item):
            seen += 1
            assert pod["serviceAccountName"] == "forecasting", (kind, name)
            assert pod["imagePullSecrets"] == [{"name": "registry"}], (kind, name)
            assert "affinity" in pod and not pod["automountServiceAccountToken"], (kind, name)
            assert COMPANY["extraVolumes"][0] in pod["volumes"], (kind, name)
            assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(pod["securityContext"]), (kind, name)
            for container in [*pod["containers"], *pod.get("initContainers", [])]:
                assert container["image"].startswith("registry.example.com/slipway/"), (kind, name)
                assert COMPANY["extraVolumeMounts"][0] in container["volumeMounts"], (kind, name)
                assert all(one in container["env"] for one in COMPANY["extraEnv"]), (kind, name)
    assert seen >= 6


def test_a_registry_takes_the_place_of_tritons() -> None:
    values = {"image": {"registry": "registry.example.com/mirror"}, "triton": {"enabled": True}}
    (runtime,) = of_kind({"groupPerApp": False, **values}, "ServingRuntime").values()
    image = runtime["spec"]["containers"][0]["image"]
    assert image.startswith("registry.example.com/mirror/nvidia/tritonserver:")


def test_an_existing_account_serves_all_pods() -> None:
    account = {"create": False, "name": "cloud"}
    values = {"groups": {"all": {"runtime": "ray"}}, "serviceAccount": account}
    assert of_kind(values, "ServiceAccount") == {}
    (service,) = of_kind(values, "RayService").values()
    head, worker = pods(service)
    assert head["serviceAccountName"] == worker["serviceAccountName"] == "cloud"
    assert head["automountServiceAccountToken"] and not worker["automountServiceAccountToken"]


def test_trainings_run_where_they_belong() -> None:
    training = COMPANY["training"]
    (once,) = of_kind(COMPANY, "RayJob").values()
    (scheduled,) = of_kind(COMPANY, "RayCronJob").values()
    for item in (once, scheduled):
        assert training["labels"].items() <= item["metadata"]["labels"].items()
        (pod,) = pods(item)
        assert (pod["nodeSelector"], pod["priorityClassName"]) == (training["nodeSelector"], "high")
    (pod,) = pods(once)
    limits = pod["containers"][0]["resources"]["limits"]
    assert (limits["cpu"], limits["nvidia.com/gpu"]) == ("4", "1")
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]
    assert pod["containers"][0]["image"].endswith("slipway/training:0.1.0-gpu")
    deadline = once["spec"]["activeDeadlineSeconds"]
    assert deadline == 2_000_000 and isinstance(deadline, int), "Helm would write 2e+06"


def test_mlflow_has_a_place_and_a_queue_of_its_own() -> None:
    (deployment,) = (item for name, item in of_kind(COMPANY, "Deployment").items() if name.endswith("mlflow"))
    assert COMPANY["mlflow"]["labels"].items() <= deployment["metadata"]["labels"].items()
    (pod,) = pods(deployment)
    assert pod["nodeSelector"] == COMPANY["mlflow"]["nodeSelector"]
    assert pod["containers"][0]["resources"]["limits"]["cpu"] == "1"


def test_an_ingress_leads_to_every_app() -> None:
    ingresses = of_kind(COMPANY, "Ingress")
    (rule,) = ingresses["slipway"]["spec"]["rules"]
    paths = {(path["path"], path["pathType"]) for path in rule["http"]["paths"]}
    assert {("/v1/models/price:predict", "Exact"), ("/v2/models/price", "Prefix")} <= paths
    services = of_kind(COMPANY, "Service")
    assert {path["backend"]["service"]["name"] for path in rule["http"]["paths"]} <= set(services)
    (grpc,) = ingresses["slipway-grpc"]["spec"]["rules"]
    assert grpc["host"] == "all.grpc.example.com"
    (peer,) = of_kind(COMPANY, "NetworkPolicy")["slipway-ingress"]["spec"]["ingress"][0]["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ingress-nginx"}
    assert of_kind({}, "Ingress") == {}


def test_other_objects_are_templates() -> None:
    found = of_kind(COMPANY, "ConfigMap")
    assert set(found) == {"slipway-team", "slipway-links"}
    assert {one["metadata"]["namespace"] for one in found.values()} == {"slipway"}


def test_pods_of_a_claim_for_one_node_stay_together() -> None:
    values = {**COMPANY, "modelRepository": {"accessModes": ["ReadWriteOnce"]}}
    values |= {"gateway": {"nodeSelector": {"pool": "serving"}, "tolerations": [{"operator": "Exists"}]}}
    terms = []
    for item in objects(values).values():
        for template in pod_templates(item):
            if any("persistentVolumeClaim" in volume for volume in template["spec"]["volumes"]):
                (term,) = template["spec"]["affinity"]["podAffinity"][
                    "requiredDuringSchedulingIgnoredDuringExecution"
                ]
                assert term["topologyKey"] == "kubernetes.io/hostname"
                wanted = term["labelSelector"]["matchLabels"]
                assert wanted.items() <= template["metadata"]["labels"].items(), "the first pod finds no other"
                assert {"operator": "Exists"} in template["spec"]["tolerations"], "jobs follow the gateways"
                terms.append(term)
    assert len(terms) >= 4
    assert of_kind(values, "PodDisruptionBudget") == {}, "pods that wait for each other could not leave a node"


@pytest.mark.parametrize("modes", [["ReadWriteMany"], ["ReadOnlyMany", "ReadWriteMany"]])
def test_pods_of_other_claims_go_anywhere(modes: list[str]) -> None:
    values = {"groups": {"all": {"runtime": "process"}}, "modelRepository": {"accessModes": modes}}
    (deployment,) = of_kind(values, "Deployment").values()
    (pod,) = pods(deployment)
    assert "affinity" not in pod and "topologySpreadConstraints" in pod


def test_every_variable_of_the_chart_is_refused_as_another() -> None:
    """The list in `_validate.tpl` is complete."""
    own = variables_of_all_sets() - {one["name"] for one in COMPANY["extraEnv"]}
    known = (CHART / "templates" / "_validate.tpl").read_text()
    assert [name for name in sorted(own) if f'"{name}"' not in known] == []


def variables_of_all_sets() -> set[str]:
    found: set[str] = set()
    for name in SETS:
        for item in objects(value_set(name)).values():
            for pod in pods(item):
                containers: list[dict[str, Any]] = [*pod["containers"], *pod.get("initContainers", [])]
                found |= {one["name"] for container in containers for one in container.get("env", [])}
    return found
