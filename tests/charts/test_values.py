"""Values that the chart rejects, with a message that names them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control.charts.render import CHART, ChartError, render
from serving.kernel.find_app import find_apps
from tests.charts.chart import EACH, OPEN

APPS = sorted(app.name for app in find_apps())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"gatewy": {}}, "gatewy"),
        ({"gateway": {"httpPrt": 1}}, "httpPrt"),
        ({"groups": {"price": {"replica": {}}}}, "replica"),
        ({"groups": {"Price": {}}}, "Price"),
        ({"groups": {"price": {"runtime": "pod"}}}, "runtime"),
        ({"groupPerApp": "all"}, "groupPerApp"),
        ({"groups": {"shared": {}, "all": {"apps": APPS}}}, "groups.shared has no apps"),
        ({"gateway": {"httpPort": 70000}}, "httpPort"),
        ({"image": {"gateway": {"tag": "latest"}}}, "tag"),
        ({"image": {"gateway": {"digest": "sha256:1"}}}, "digest"),
        ({"ray": {"upgrade": "Rolling"}}, "upgrade"),
        ({**EACH, "ray": {"upgrade": "NewClusterWithIncrementalUpgrade"}}, "requires gateway.door ray"),
        (
            {**EACH, "ray": {"upgrade": "NewClusterWithIncrementalUpgrade"}, "gateway": {"door": "ray"}},
            "ray.incremental.gatewayClassName must name the class",
        ),
        ({"groups": {"price": {"canary": {"weight": 100}}}}, "weight"),
        ({"groups": {"price": {"settings": {"slipway_apps": "x"}}}}, "slipway_apps"),
        ({"groups": {"price": {"settings": {"SLIPWAY_APPS": "x"}}}}, "SLIPWAY_APPS"),
        ({"groups": {"price": {"settings": {"SLIPWAY_DATABASE_URL": "x"}}}}, "SLIPWAY_DATABASE_URL"),
        (
            {**EACH, "gateway": {"httpPort": 8265}},
            "gateway.httpPort: Ray uses the ports 6379, 8265, 8090, 10001, 52365",
        ),
        ({"gateway": {"httpPort": 8081}}, "gateway.grpcPort: 8081 is also gateway.httpPort"),
        (
            {"image": {"gateway": {"digest": f"sha256:{'0' * 64}"}}},
            "the digest of slipway/gateway:0.1.0 must not be zeros",
        ),
        ({"triton": {"memory": "8G"}}, "memory"),
        ({"triton": {"enabled": True, "gpus": 1}}, "triton.gpus: 1 reserves GPUs that no model uses"),
        (
            {"triton": {"enabled": True, "gpuModels": ["price"]}},
            "triton.gpuModels: price cannot run on a GPU, because triton.gpus is 0",
        ),
        (
            {"triton": {"enabled": True, "models": ["price"], "gpus": 1, "gpuModels": ["fraud"]}},
            "triton.gpuModels: fraud is not among the models that Triton serves: price",
        ),
        (
            {"triton": {"enabled": True, "replicas": {"min": 5}}},
            "triton.replicas: min (5) must not exceed max (4)",
        ),
        ({"groups": {"g": {"apps": ["nope"]}}}, 'groups.g.apps: there is no app "nope"; there are: '),
        ({"groups": {"a": {"apps": ["price"]}, "b": {"apps": ["price"]}}}, "is also in another group"),
        ({"groups": {"all": {}, "price": {}}}, "groups.all has no apps and therefore serves all apps"),
        ({"groups": {"price": {"apps": ["fraud"]}}}, "the app with this name is in no group"),
        (
            {"groups": {"price": {"replicas": {"min": 9}}}},
            "groups.price.replicas: min (9) must not exceed max (4)",
        ),
        ({"groups": {"price": {"runtime": "process", "backend": "replica"}}}, "replica requires runtime ray"),
        ({"groups": {"price": {"backend": "triton"}}}, "triton requires triton.enabled"),
        ({**EACH, "groups": {"price": {"rollout": {"steps": [10]}}}}, "requires runtime process"),
        ({"groups": {"price": {"runtime": "process", "rollout": {"steps": [100]}}}}, "steps"),
        (
            {"groups": {"g": {"apps": [f"a.b{n}" for n in range(17)]}}, "routes": {"enabled": True}, **OPEN},
            "a route allows at most 16 apps, not 17",
        ),
        ({"mlflow": {"enabled": True}}, "mlflow.enabled requires secrets.mlflow.name"),
        ({"mlflow": {"enabled": True}, "secrets": {"mlflow": {"name": "x"}}}, "requires mlflow.artifacts"),
        ({"repositorySync": {"enabled": True}}, "repositorySync.enabled requires repositorySync.source"),
        ({"training": {"jobs": {"j": {"app": "price"}}}}, "training.jobs.j requires an MLflow server"),
        ({"training": {"jobs": {"j": {"app": "nope"}}}}, "training.jobs.j.app: there is no app"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartError) as refusal:
        render(values)
    assert said in str(refusal.value)


@pytest.mark.parametrize("name", ["1abc", "true", "on"])
def test_a_releases_name_that_services_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(ChartError, match="set fullnameOverride"):
        render({}, name=name)
    assert render({"fullnameOverride": "models"}, name=name)


def test_long_names_stay_apart_and_short_enough() -> None:
    started = {
        item["metadata"]["name"]
        for name in ("slipway-production-europe", "slipway-production-asia", "a-b")
        for item in render({**EACH, "groups": {"g" * 20: {"apps": ["price"], "canary": {"weight": 1}}}}, name=name)
        if item["kind"] == "RayService" and item["metadata"]["name"].endswith("canary")
    }
    assert len(started) == 3 and all(len(name) <= 47 and "." not in name for name in started), started


def test_labels_are_text_whatever_a_release_is_called() -> None:
    for item in render({"fullnameOverride": "models"}, name="1e5"):
        assert item["metadata"]["labels"]["app.kubernetes.io/instance"] == "1e5"


def test_the_schema_is_closed_everywhere() -> None:
    open_ones = []

    def walk(schema: Any, path: str) -> None:
        if isinstance(schema, dict):
            if "properties" in schema and schema.get("additionalProperties") is not False:
                open_ones.append(path)
            for name, inner in schema.items():
                if name not in ("if", "then", "else"):  # they add to a schema that is closed
                    walk(inner, f"{path}/{name}")

    walk(json.loads((CHART / "values.schema.json").read_text()), "")
    assert open_ones == []


def test_names_that_look_like_numbers_stay_text() -> None:
    values = {
        **EACH,
        "modelRepository": {"existingClaim": "123"},
        "serviceAccount": {"name": "true"},
        "priority": {"serving": "1.0", "batch": "on"},
        "auth": {"keys": {"name": "9"}, "operations": {"name": "2"}},
        "secrets": {"database": {"name": "12", "key": "1"}, "mlflow": {"name": "1"}, "storage": "null"},
        "image": {"pullSecrets": ["1"]},
        "mlflow": {"enabled": True, "artifacts": "s3://mlflow", "priorityClassName": "8"},
        "training": {"jobs": {"j": {"app": "price"}}},
        "routes": {"enabled": True, "host": "*.example.org", "gateway": {"name": "1", "namespace": "2"}},
        "ingress": {"enabled": True, "className": "7"},
        "triton": {"enabled": True, "runtimeClassName": "5"},
        "commonLabels": {"cost-center": "4711"},
        "groups": {"price": {"settings": {"Y": "on"}}},
    }
    texts = {"name", "namespace", "key", "claimName", "storageClassName", "serviceAccountName", "ingressClassName"}
    texts |= {"priorityClassName", "runtimeClassName", "secretName", "host", "hostnames"}
    found = []

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                assert isinstance(name, str), path
                if name in texts and not isinstance(inner, str | dict | list):
                    found.append(f"{path}/{name}: {inner!r}")
                if name in ("labels", "annotations", "matchLabels"):
                    found.extend(
                        f"{path}/{name}: {each!r}" for each in inner.values() if not isinstance(each, str)
                    )
                walk(inner, f"{path}/{name}")
        elif isinstance(value, list):
            for inner in value:
                walk(inner, path)

    for item in render(values, namespace="123"):
        walk(item, item["kind"])
    assert found == []
