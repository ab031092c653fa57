"""Triton, MLflow, jobs, trainings, policies: what is there when it is switched on, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from serving.kernel.find_app import find_apps
from tests.charts.chart import EACH, OPEN, objects, of_kind, pods, value_set, variables

PRODUCTION = value_set("production")
TRITON = {"triton": {"enabled": True}}
EVERY = ("deny", "dns", "doors", "databases", "ray-metrics", "training", "storage", "test", "test-gateways")
"""The network policies of every release."""


def test_as_it_is_it_makes_no_more_than_needed() -> None:
    workload = {"Deployment", "HorizontalPodAutoscaler", "Service"}
    kinds = {kind for kind, name in objects({}) if not name.endswith("-test")}
    assert kinds == {"NetworkPolicy", "PersistentVolumeClaim", "ServiceAccount", *workload}
    assert len([name for _, name in objects({}) if "-test" not in name]) <= 13
    (pod,) = (pod for item in of_kind({}, "Deployment").values() for pod in pods(item))
    assert pod["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "3072Mi"}
    kinds = {kind for kind, name in objects(EACH) if not name.endswith("-test")}
    assert kinds == {"NetworkPolicy", "PersistentVolumeClaim", "RayService", "Service", "ServiceAccount"}


def test_triton_serves_the_same_claim_and_loads_what_it_is_told() -> None:
    (runtime,) = of_kind({"triton": {"enabled": True}}, "ServingRuntime").values()
    container, versions = runtime["spec"]["containers"]
    assert container["name"] == "kserve-container", "KServe makes its Service of the first container"
    loaded = [word.partition("=")[2] for word in versions["args"] if word.startswith("--model=")]
    assert loaded == sorted(app.name for app in find_apps())
    assert versions["command"] == ["slipway", "triton", "follow"] and "--cpus=4" in versions["args"]
    assert versions["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "served"}
    assert "--inference-service=slipway-triton" in versions["args"]
    (role,) = of_kind({"triton": {"enabled": True}}, "Role").values()
    (rule,) = role["rules"]
    assert (rule["resources"], rule["resourceNames"]) == (["inferenceservices/status"], ["slipway-triton"])
    assert "account" not in {mount["name"] for mount in container["volumeMounts"]}, "Triton itself has no token"
    quiet = {"triton": {"enabled": True, "reportStatus": False}}
    assert of_kind(quiet, "Role") == {} == of_kind(quiet, "RoleBinding")
    assert "--model-control-mode=explicit" in container["args"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    (service,) = of_kind({"triton": {"enabled": True}}, "InferenceService").values()
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    model = service["spec"]["predictor"]["model"]
    assert model["storageUri"] == "pvc://slipway-models"
    assert model["resources"] == container["resources"], "KServe's defaults would take their place"
    assert service["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    (door,) = (item["spec"] for name, item in of_kind(TRITON, "Service").items() if name.endswith("-triton"))
    assert door["clusterIP"] == "None", "gRPC would stay with the first pod that it met"
    (ray, *_) = of_kind({**EACH, **TRITON}, "RayService").values()
    worker = ray["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    assert variables(worker)["SLIPWAY_TRITON_URL"] == "slipway-triton:8001"


def test_an_image_is_pinned_by_a_digest_that_is_one() -> None:
    digest = f"sha256:{'0123456789abcdef' * 4}"
    (runtime,) = of_kind({"triton": {"enabled": True, "image": {"digest": digest}}}, "ServingRuntime").values()
    image = runtime["spec"]["containers"][0]["image"]
    assert image.startswith("nvcr.io/nvidia/tritonserver:") and image.endswith(f"@{digest}")


@pytest.mark.parametrize("gpus", [0, 1])
def test_triton_asks_for_gpus_and_their_runtime_or_for_none(gpus: int) -> None:
    chosen = {"models": ["price", "quality"], "gpuModels": ["quality"] * gpus}
    values = {"triton": {"enabled": True, "gpus": gpus, "runtimeClassName": "nvidia", **chosen}}
    (runtime,) = of_kind(values, "ServingRuntime").values()
    limits = set(runtime["spec"]["containers"][0]["resources"]["limits"])
    (service,) = of_kind(values, "InferenceService").values()
    assert limits - {"cpu", "memory"} == ({"nvidia.com/gpu"} if gpus else set())
    predictor = service["spec"]["predictor"]
    assert predictor.get("runtimeClassName") == ("nvidia" if gpus else None)
    assert ("tolerations" in predictor) == bool(gpus)
    server, versions = runtime["spec"]["containers"]
    limited = {"--rate-limit=execution_count", "--rate-limit-resource=gpu-slot:2"}
    assert limited & set(server["args"]) == (limited if gpus else set())
    placed = {"--gpus=1", "--on-gpu=quality"}
    assert placed & set(versions["args"]) == (placed if gpus else set())


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
    assert hooks == {
        "slipway-migrate": "pre-upgrade",
        "slipway-sync-now": "post-install,post-upgrade",
        "slipway-test": "test",
    }
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
    assert once["spec"]["shutdownAfterJobFinishes"]
    assert once["spec"]["backoffLimit"] == 0, "a second attempt would register a second version"


@pytest.mark.parametrize(("given", "cpu"), [({}, "3"), ({"cpu": "2500m"}, "3"), ({"cpu": "4"}, "4")])
def test_a_training_is_one_pod_with_a_core_for_each_worker(given: dict[str, str], cpu: str) -> None:
    jobs = {"j": {"app": "price", "workers": 3, **given}}
    (job,) = of_kind({"mlflow": {"url": "http://mlflow:5000"}, "training": {"jobs": jobs}}, "RayJob").values()
    cluster = job["spec"]["rayClusterSpec"]
    assert "workerGroupSpecs" not in cluster, "checkpoints lie on the disk of the pod that trains"
    pod = cluster["headGroupSpec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["cpu"] == cpu
    assert pod["serviceAccountName"] == "slipway", "it has nothing to ask the API server"


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
    assert parts - {"test"} == named & parts and "gateway" in parts
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
    clusters = of_kind(PRODUCTION, "RayService")
    assert set(budgets) & set(clusters) == {"slipway-fraud", "slipway-fraud-canary"}, "one gateway alone may go"
    for name, budget in budgets.items():
        if name in clusters:
            least = clusters[name]["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["minReplicas"]
            assert budget["spec"]["minAvailable"] == least - 1 and "maxUnavailable" not in budget["spec"]
        else:
            assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"]["matchLabels"] == services[name]["spec"]["selector"]


def test_trainers_may_submit_and_nothing_else() -> None:
    role = of_kind(PRODUCTION, "Role")["slipway-trainer"]
    binding = of_kind(PRODUCTION, "RoleBinding")["slipway-trainer"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == PRODUCTION["rbac"]["trainers"]
    granted = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert granted == {"rayjobs", "raycronjobs", "jobs", "events", "pods", "pods/log"}
    assert {verb for rule in role["rules"][1:] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert of_kind({}, "Role") == {}


def test_an_account_without_a_namespace_is_of_this_one() -> None:
    trainers = [{"kind": "ServiceAccount", "name": "ci"}, {"kind": "User", "name": "ann"}]
    (binding,) = of_kind({"rbac": {"trainers": trainers}}, "RoleBinding").values()
    account, user = binding["subjects"]
    assert account == {"kind": "ServiceAccount", "name": "ci", "namespace": "slipway"}
    assert user == {"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}


def test_priorities_put_serving_first() -> None:
    classes = of_kind(PRODUCTION, "PriorityClass")
    assert classes["slipway-slipway-serving"]["value"] > classes["slipway-slipway-batch"]["value"]
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
    assert set(plain) == {f"slipway-{name}" for name in EVERY}
    assert set(of_kind({}, "NetworkPolicy")) == set(plain)
    on_ray = {"slipway-ray-head", "slipway-api-server"}
    clusters = {f"slipway-{app.name}-ray" for app in find_apps()}
    assert set(of_kind(EACH, "NetworkPolicy")) == {*plain, *on_ray, *clusters}


@pytest.mark.parametrize(
    ("url", "port"), [("http://mlflow.tools:5000", 5000), ("https://mlflow.tools/x", 443), ("http://mlflow", 80)]
)
def test_a_training_reaches_an_mlflow_elsewhere(url: str, port: int) -> None:
    values = {"mlflow": {"url": url}, "training": {"jobs": {"j": {"app": "price"}}}}
    policy = of_kind(values, "NetworkPolicy")["slipway-mlflow-elsewhere"]["spec"]
    assert policy["egress"] == [{"ports": [{"port": port, "protocol": "TCP"}]}]
    assert policy["podSelector"]["matchExpressions"][0]["values"] == ["training"]


def test_gateways_reach_a_triton_elsewhere() -> None:
    group = {"backend": "triton", "settings": {"SLIPWAY_TRITON_URL": "triton.gpu.svc:9001"}}
    policy = of_kind({"groups": {"price": group}}, "NetworkPolicy")["slipway-triton-elsewhere"]["spec"]
    assert policy["egress"] == [{"ports": [{"port": 9001, "protocol": "TCP"}]}]


def test_only_who_needs_a_bucket_may_reach_one() -> None:
    policies = of_kind(PRODUCTION, "NetworkPolicy")
    (storage,) = policies["slipway-storage"]["spec"]["podSelector"]["matchExpressions"]
    assert storage["values"] == ["training", "mlflow", "job"]
    (heads,) = policies["slipway-ray-head"]["spec"]["podSelector"]["matchExpressions"]
    assert heads["values"] == ["ray-head"], "a training asks the API server nothing"


def test_kuberays_own_gateway_is_let_in_too() -> None:
    ray = {"upgrade": "NewClusterWithIncrementalUpgrade", "incremental": {"gatewayClassName": "istio"}}
    assert "slipway-routes" in of_kind({"gateway": {"door": "ray"}, "ray": ray}, "NetworkPolicy")


def test_routes_proxies_are_let_in() -> None:
    values = {**OPEN, "routes": {"enabled": True, "proxyNamespace": "proxies"}}
    (rule,) = of_kind(values, "NetworkPolicy")["slipway-routes"]["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "proxies"}}}]
    assert "slipway-routes" not in of_kind({}, "NetworkPolicy")
