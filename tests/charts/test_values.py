"""Values that are refused, in words that name them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control.charts.render import CHART, ChartError, render


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"gatewy": {}}, "gatewy"),
        ({"gateway": {"httpPrt": 1}}, "httpPrt"),
        ({"groups": {"price": {"replica": {}}}}, "replica"),
        ({"groups": {"Price": {}}}, "Price"),
        ({"groups": {"price": {"runtime": "pod"}}}, "runtime"),
        ({"gateway": {"httpPort": 70000}}, "httpPort"),
        ({"image": {"gateway": {"tag": "latest"}}}, "tag"),
        ({"image": {"gateway": {"digest": "sha256:1"}}}, "digest"),
        ({"ray": {"upgrade": "Rolling"}}, "upgrade"),
        ({"ray": {"upgrade": "NewClusterWithIncrementalUpgrade"}}, "it needs gateway.door ray"),
        (
            {"ray": {"upgrade": "NewClusterWithIncrementalUpgrade"}, "gateway": {"door": "ray"}},
            "ray.incremental.gatewayClassName: name the class",
        ),
        ({"groups": {"price": {"canary": {"weight": 100}}}}, "weight"),
        ({"groups": {"price": {"settings": {"slipway_apps": "x"}}}}, "slipway_apps"),
        ({"groups": {"price": {"settings": {"SLIPWAY_APPS": "x"}}}}, "SLIPWAY_APPS"),
        ({"triton": {"memory": "8G"}}, "memory"),
        ({"triton": {"enabled": True, "replicas": {"min": 5}}}, "triton.replicas: min is 5, more than max, 4"),
        ({"groups": {"g": {"apps": ["nope"]}}}, 'groups.g.apps: there is no app "nope"; there are: '),
        ({"groups": {"a": {"apps": ["price"]}, "b": {"apps": ["price"]}}}, "is in another group too"),
        ({"groups": {"all": {}, "price": {}}}, "it has no apps and so serves all"),
        ({"groups": {"price": {"apps": ["fraud"]}}}, "the app of this name is in no group"),
        ({"groups": {"price": {"replicas": {"min": 9}}}}, "groups.price.replicas: min is 9, more than max, 4"),
        ({"groups": {"price": {"runtime": "process", "backend": "replica"}}}, "replica needs runtime ray"),
        ({"groups": {"price": {"backend": "triton"}}}, "triton needs triton.enabled"),
        ({"groups": {"price": {"rollout": {"steps": [10]}}}}, "it needs runtime process"),
        ({"groups": {"price": {"runtime": "process", "rollout": {"steps": [100]}}}}, "steps"),
        (
            {"groups": {"g": {"apps": [f"a.b{n}" for n in range(17)]}}, "routes": {"enabled": True}},
            "17 apps, and a route has at most 16",
        ),
        ({"mlflow": {"enabled": True}}, "mlflow.enabled needs secrets.mlflow.name"),
        ({"mlflow": {"enabled": True}, "secrets": {"mlflow": {"name": "x"}}}, "needs mlflow.artifacts"),
        ({"repositorySync": {"enabled": True}}, "repositorySync.enabled needs repositorySync.source"),
        ({"training": {"jobs": {"j": {"app": "price"}}}}, "training.jobs.j needs an MLflow"),
        ({"training": {"jobs": {"j": {"app": "nope"}}}}, "training.jobs.j.app: there is no app"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartError) as refusal:
        render(values)
    assert said in str(refusal.value)


def test_the_schema_is_closed_everywhere() -> None:
    open_ones = []

    def walk(schema: Any, path: str) -> None:
        if isinstance(schema, dict):
            if "properties" in schema and schema.get("additionalProperties") is not False:
                open_ones.append(path)
            for name, inner in schema.items():
                walk(inner, f"{path}/{name}")

    walk(json.loads((CHART / "values.schema.json").read_text()), "")
    assert open_ones == []
