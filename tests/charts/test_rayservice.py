from __future__ import annotations

from typing import Any

import pytest
import yaml

from serving.kernel.settings import Settings, describe
from tests.charts.chart import ALL, of_kind, variables


def only(values: dict[str, Any]) -> dict[str, Any]:
    (service,) = of_kind(values, "RayService").values()
    spec: dict[str, Any] = service["spec"]
    return spec


# Ray wants an environment variable instead, which it does not read.
@pytest.mark.filterwarnings("ignore:The `metrics_interval_s` field:DeprecationWarning")
@pytest.mark.parametrize("door", ["native", "ray"])
def test_ray_accepts_the_serve_config(door: str) -> None:
    from ray.serve.schema import ServeDeploySchema

    parsed = yaml.safe_load(only({**ALL, "gateway": {"door": door}})["serveConfigV2"])
    config = ServeDeploySchema.model_validate(parsed)
    (application,) = config.applications
    assert application.import_path == "serving.hosting.composition:application"
    assert application.route_prefix == ("/" if door == "ray" else None)
    gateway = application.deployments[0]
    assert gateway.name == "gateway"
    assert gateway.ray_actor_options.resources == {"gateway": 1}
    assert gateway.autoscaling_config["policy"]["policy_kwargs"] == {"target_queue_seconds": 0.02}


def test_a_pod_has_room_for_one_replica() -> None:
    (group,) = only(ALL)["rayClusterConfig"]["workerGroupSpecs"]
    assert group["resources"] == {"CPU": "1", "gateway": "1"}
    assert only(ALL)["rayClusterConfig"]["headGroupSpec"]["resources"] == {"CPU": "0"}


def test_settings_are_the_data_planes_own() -> None:
    known = {name for name, _, _ in describe(Settings)}
    config = only(ALL)["rayClusterConfig"]
    worker = config["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    head = config["headGroupSpec"]["template"]["spec"]["containers"][0]
    assert variables(worker) == variables(head), "the graph is built on one and runs on the other"
    assert {name for name in variables(worker) if name.startswith("SLIPWAY_")} <= known
    metrics = [mount["mountPath"] for mount in worker["volumeMounts"] if mount["name"] == "metrics"]
    assert metrics == [variables(worker)["PROMETHEUS_MULTIPROC_DIR"]]


def test_settings_of_a_group_win() -> None:
    settings = {"SLIPWAY_LOG_LEVEL": "DEBUG", "HOME": "/tmp/home"}
    spec = only({"groups": {"all": {"runtime": "ray", "settings": settings}}})
    worker = spec["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    assert settings.items() <= variables(worker).items()


def test_a_pod_that_goes_lingers_longer_than_connections_last() -> None:
    spec = only({**ALL, "gateway": {"connectionSeconds": 100, "drainSeconds": 7}})
    pod = spec["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]
    command = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command[0] == "sleep" and int(command[1]) > 110
    assert pod["terminationGracePeriodSeconds"] > int(command[1]) + 7


def test_the_probe_is_quicker_than_the_notice() -> None:
    worker = only(ALL)["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    probe = worker["readinessProbe"]
    assert probe["httpGet"] == {"path": "/-/healthz", "port": "serve"}
    assert probe["periodSeconds"] * probe["failureThreshold"] < float(variables(worker)["SLIPWAY_NOTICE_SECONDS"])


def test_gpus_are_where_models_run() -> None:
    gpu = {"count": 2, "nodeSelector": {"pool": "gpu"}, "runtimeClassName": "nvidia"}
    fused = only({"groups": {"all": {"gpu": gpu}}})["rayClusterConfig"]["workerGroupSpecs"]
    assert [limit(group) for group in fused] == ["2"]
    spec = only(
        {
            "groups": {"all": {"apps": ["team.one", "team.two"], "backend": "replica", "gpu": gpu}},
            "groupPerApp": False,
        }
    )
    gateway, model = spec["rayClusterConfig"]["workerGroupSpecs"]
    assert (limit(gateway), limit(model)) == (None, "2")
    assert model["template"]["spec"]["nodeSelector"] == {"pool": "gpu"}
    assert model["template"]["spec"]["runtimeClassName"] == "nvidia"
    assert not {"nodeSelector", "runtimeClassName"} & gateway["template"]["spec"].keys()
    assert model["resources"]["GPU"] == "2" and model["maxReplicas"] == 2 * gateway["maxReplicas"]
    deployments = yaml.safe_load(spec["serveConfigV2"])["applications"][0]["deployments"]
    assert [one["name"] for one in deployments] == ["gateway", "one-model", "two-model"]
    assert deployments[1]["ray_actor_options"]["num_gpus"] == 2


def limit(group: dict[str, Any]) -> str | None:
    found: dict[str, str] = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    return found.get("nvidia.com/gpu")


def test_only_heads_may_talk_to_the_api_server() -> None:
    config = only(ALL)["rayClusterConfig"]
    assert config["headGroupSpec"]["template"]["spec"]["serviceAccountName"] == "slipway-ray"
    worker = config["workerGroupSpecs"][0]["template"]["spec"]
    assert worker["serviceAccountName"] == "slipway" and not worker["automountServiceAccountToken"]
    assert config["authOptions"] == {"mode": "token"}


def test_kuberay_finds_the_port_it_makes_its_service_of() -> None:
    head = only(ALL)["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    assert {"name": "serve", "containerPort": 8080} in head["ports"]


def test_rays_metrics_are_not_on_the_gateways_port() -> None:
    config = only(ALL)["rayClusterConfig"]
    for group in (config["headGroupSpec"], *config["workerGroupSpecs"]):
        port = int(group["rayStartParams"]["metrics-export-port"])
        ports = group["template"]["spec"]["containers"][0]["ports"]
        assert {"name": "metrics", "containerPort": port} in ports, "KubeRay would declare another"
        numbers = [one["containerPort"] for one in ports]
        assert len(set(numbers)) == len(numbers), numbers


def test_what_the_head_knows_may_be_kept_in_redis() -> None:
    assert "gcsFaultToleranceOptions" not in only(ALL)["rayClusterConfig"]
    values = {**ALL, "ray": {"redis": "redis:6379"}, "secrets": {"redis": {"name": "mine"}}}
    kept = only(values)["rayClusterConfig"]["gcsFaultToleranceOptions"]
    secret = {"secretKeyRef": {"name": "mine", "key": "password"}}
    assert kept == {"redisAddress": "redis:6379", "redisPassword": {"valueFrom": secret}}


def test_an_incremental_upgrade_has_its_steps() -> None:
    ray = {"upgrade": "NewClusterWithIncrementalUpgrade", "incremental": {"gatewayClassName": "istio"}}
    strategy = only({**ALL, "gateway": {"door": "ray"}, "ray": ray})["upgradeStrategy"]
    assert strategy == {
        "type": "NewClusterWithIncrementalUpgrade",
        "clusterUpgradeOptions": {
            "gatewayClassName": "istio",
            "stepSizePercent": 10,
            "intervalSeconds": 60,
            "maxSurgePercent": 100,
        },
    }
    assert only(ALL)["upgradeStrategy"] == {"type": "NewCluster"}
