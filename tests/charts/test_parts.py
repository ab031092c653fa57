"""Triton, MLflow, jobs, trainings, policies: what is there when it is switched on, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from serving.routing.catalog import find_apps
from tests.charts.chart import objects, of_kind, pods, value_set, variables

PRODUCTION = value_set("production")


def test_as_it_is_it_makes_no_more_than_needed() -> None:
    kinds = {kind for kind, _ in objects({})}
    assert kinds == {
        "NetworkPolicy", "PersistentVolumeClaim", "PodDisruptionBudget", "RayService", "Service", "ServiceAccount"
    }  # fmt: skip


def test_triton_serves_the_same_claim_and_loads_what_it_is_told() -> None:
    (runtime,) = of_kind({"triton": {"enabled": True}}, "ServingRuntime").values()
    (container,) = runtime["spec"]["containers"]
    loaded = [word.partition("=")[2] for word in container["args"] if word.startswith("--load-model=")]
    assert loaded == sorted(app.name for app in find_apps())
    assert "--model-control-mode=explicit" in container["args"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    (service,) = of_kind({"triton": {"enabled": True}}, "InferenceService").values()
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert service["spec"]["predictor"]["model"]["storageUri"] == "pvc://slipway-models"
    (ray, *_) = of_kind({"triton": {"enabled": True}}, "RayService").values()
    worker = ray["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    assert variables(worker)["SLIPWAY_TRITON_URL"] == "slipway-triton:8001"


def test_triton_without_gpus_asks_for_none() -> None:
    (runtime,) = of_kind({"triton": {"enabled": True, "gpus": 0}}, "ServingRuntime").values()
    assert set(runtime["spec"]["containers"][0]["resources"]["limits"]) == {"cpu", "memory"}


def test_mlflow_answers_to_its_service() -> None:
    (deployment,) = (item for name, item in of_kind(PRODUCTION, "Deployment").items() if name.endswith("mlflow"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    host = variables(container)["MLFLOW_SERVER_ALLOWED_HOSTS"]
    (job,) = (item for name, item in of_kind(PRODUCTION, "RayJob").items())
    (head,) = pods(job["spec"]["rayClusterSpec"]["headGroupSpec"])
    url = variables(head["containers"][0])["MLFLOW_TRACKING_URI"]
    assert url.removeprefix("http://") in host.split(",")
    secrets = [one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one]
    assert secrets == [{"name": "slipway-mlflow", "key": "dsn"}]


def test_jobs_run_before_and_after_an_upgrade() -> None:
    jobs = of_kind(PRODUCTION, "Job")
    hooks = {name: job["metadata"]["annotations"]["helm.sh/hook"] for name, job in jobs.items()}
    assert hooks == {"slipway-migrate": "pre-upgrade", "slipway-sync-now": "post-install,post-upgrade"}
    (sync,) = of_kind(PRODUCTION, "CronJob").values()
    (pod,) = pods(sync)
    assert pod["containers"][0]["command"] == [
        "slipway",
        "repository",
        "sync",
        "s3://models/repository",
        "/models",
    ]
    assert pod["containers"][0]["image"] == "registry.example.com/ml/slipway/control:0.1.0"


def test_trainings_are_the_command_line() -> None:
    (scheduled,) = of_kind(PRODUCTION, "RayCronJob").values()
    assert scheduled["spec"]["schedule"] == "0 3 * * *"
    entrypoint = scheduled["spec"]["jobTemplate"]["entrypoint"]
    assert entrypoint == "slipway train price --workers 1 '--query' 'select * from prices'"
    (once,) = of_kind(PRODUCTION, "RayJob").values()
    assert once["spec"]["entrypoint"] == "slipway train fraud --workers 2"
    assert once["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replicas"] == 2
    assert once["spec"]["shutdownAfterJobFinishes"]


def test_everything_is_denied_that_no_policy_allows() -> None:
    policies = of_kind(PRODUCTION, "NetworkPolicy")
    deny = policies["slipway-deny"]["spec"]
    assert deny == {
        "podSelector": {"matchLabels": {"slipway.dev/release": "slipway"}},
        "policyTypes": ["Ingress", "Egress"],
    }
    parts = {labels["slipway.dev/part"] for labels in pod_labels(PRODUCTION)}
    named = {
        part
        for policy in policies.values()
        for expression in policy["spec"]["podSelector"].get("matchExpressions", [])
        for part in expression["values"]
    }
    assert parts == named & parts and "gateway" in parts
    assert policies["slipway-doors"]["spec"]["ingress"][0]["from"] == PRODUCTION["networkPolicies"]["clients"]


def pod_labels(values: dict[str, Any]) -> list[dict[str, str]]:
    found, left = [], [*objects(values).values()]
    while left:
        here: Any = left.pop()
        if isinstance(here, dict):
            if "slipway.dev/part" in here.get("labels", {}):
                found.append(here["labels"])
            left += here.values()
        elif isinstance(here, list):
            left += here
    return found


def test_budgets_cover_the_gateways_of_a_track() -> None:
    budgets = of_kind(PRODUCTION, "PodDisruptionBudget")
    services = of_kind(PRODUCTION, "Service")
    for name, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"]["matchLabels"] == services[name]["spec"]["selector"]


def test_trainers_may_submit_and_nothing_else() -> None:
    (role,) = of_kind(PRODUCTION, "Role").values()
    (binding,) = of_kind(PRODUCTION, "RoleBinding").values()
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == PRODUCTION["rbac"]["trainers"]
    granted = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert granted == {"rayjobs", "pods", "pods/log"}
    assert of_kind({}, "Role") == {}


def test_priorities_put_serving_first() -> None:
    classes = of_kind(PRODUCTION, "PriorityClass")
    assert classes["slipway-serving"]["value"] > classes["slipway-batch"]["value"]
    assert not any(one["globalDefault"] for one in classes.values())


@pytest.mark.parametrize(("given", "made"), [("", ["slipway-models"]), ("mine", [])])
def test_a_claim_is_made_where_none_is_given(given: str, made: list[str]) -> None:
    values = {"modelRepository": {"existingClaim": given}}
    assert list(of_kind(values, "PersistentVolumeClaim")) == made
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for item in objects(values).values()
        for pod in pods(item)
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {given or "slipway-models"}


def test_secrets_are_named_and_never_held() -> None:
    assert of_kind(PRODUCTION, "Secret") == {}
    for deployment in of_kind(PRODUCTION, "Deployment").values():
        for pod in pods(deployment):
            for container in pod["containers"]:
                assert not [
                    name
                    for name in variables(container)
                    if name.endswith(("_URL", "DSN")) and "TRITON" not in name
                ]


def test_policies_are_for_pods_that_there_are() -> None:
    plain = of_kind({"groups": {"all": {"runtime": "process"}}}, "NetworkPolicy")
    assert set(plain) == {"slipway-deny", "slipway-dns", "slipway-doors", "slipway-storage"}
    assert set(of_kind({}, "NetworkPolicy")) == {*plain, "slipway-ray", "slipway-ray-head"}


def test_routes_proxies_are_let_in() -> None:
    values = {"routes": {"enabled": True, "proxyNamespace": "proxies"}}
    (rule,) = of_kind(values, "NetworkPolicy")["slipway-routes"]["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "proxies"}}}]
    assert "slipway-routes" not in of_kind({}, "NetworkPolicy")
